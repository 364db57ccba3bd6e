// Labels of the step: on the screen at every frame, for screen readers when the slider rests.

const MOST_CHIPS = 8

function eventTold(reel, snapshot, kind) {
  const words = kindsOf(reel, kind).map(({ letter, words }) => `${letter}: ${words}`).join(", "), change = column => `${whole(reel[column][snapshot - 1])} → ${whole(reel[column][snapshot])}`
  return `${words}: black holes ${change("black_holes")}, tokens in them ${change("population")}`
}

// The name, line and number of each count.
function tellLines({ reel, told }) {
  told.lines.replaceChildren(...Object.entries(reel.header.lines).map(([column, [symbol, name, colours, dashes]]) => {
    const key = Object.assign(document.createElement("span"), { className: "key" })
    key.innerHTML = `<svg viewBox="0 0 22 4"><path d="M0 2h22" stroke-dasharray="${dashes}"/></svg>`
    key.firstChild.style.stroke = `light-dark(${colours})`
    const link = Object.assign(document.createElement("a"), { target: "_blank", textContent: `${symbol} ${name}` }, reel.header.explained[column])
    key.append(link, " ", (told[column] = document.createElement("b")))
    return key
  }))
}

// What the marks of events mean, of both runs on both sides, so that these stay level; and the shapes of the positions.
function tellLegends({ reel, told, scrubber: { sides } }) {
  const kinds = kindsOf(reel, sides.flatMap(side => [...side.reel.kind]).reduce((all, kind) => all | kind, 0))
  told.kinds.replaceChildren(...kinds.map(({ letter, colour, words }) => {
    const key = Object.assign(document.createElement("span"), { className: "key", textContent: `${letter} ${words}` })
    key.prepend(Object.assign(document.createElement("i"), { className: "tick" }))
    key.firstChild.style.background = `light-dark(${colour})`
    return key
  }))
  told.shapes.hidden = !reel.header.dead || reel.header.group !== "all"
}

// The events of a run as buttons that lead there: all of them, or the first and the last with the others behind a button.
function tellEvents(side, isOpen = false) {
  const { reel, scrubber } = side, all = [...reel.event].map((snapshot, i) => ({ snapshot, kind: reel.kind[i] }))
  const cut = all.length > MOST_CHIPS && !isOpen ? [...all.slice(0, MOST_CHIPS / 2), null, ...all.slice(-MOST_CHIPS / 2)] : all
  side.chips = []
  side.told.events.replaceChildren(...cut.map(event => {
    if (!event) {
      const more = Object.assign(document.createElement("button"), { type: "button", className: "others", textContent: `… ${whole(all.length - MOST_CHIPS)} more …` })
      more.onclick = () => {
        tellEvents(side, true)
        side.chips[MOST_CHIPS / 2].chip.focus()
      }
      return more
    }
    const [before, after] = [reel.black_holes[event.snapshot - 1], reel.black_holes[event.snapshot]]
    const what = before === after ? `${whole(reel.population[event.snapshot - 1])} → ${whole(reel.population[event.snapshot])} tokens in holes` : `${whole(before)} → ${whole(after)} ${after === 1 ? "hole" : "holes"}`
    const chip = Object.assign(document.createElement("button"), { type: "button", title: eventTold(reel, event.snapshot, event.kind) })
    chip.append(Object.assign(document.createElement("b"), { textContent: `step ${whole(reel.step[event.snapshot])}` }), ` ${what}`)
    chip.onclick = () => rest(scrubber, recordedAt(scrubber.steps, reel.step[event.snapshot]), 0)
    side.chips.push({ chip, snapshot: event.snapshot })
    return chip
  }))
  side.told.events.hidden = all.length === 0
}

function tellStep(scrubber) {
  const { steps, index, axis, scale, slider, entry, root, sides } = scrubber, step = steps[index]
  root.dataset.step = step
  slider.value = axis.where[index]
  slider.setAttribute("aria-valuetext", `step ${step} of ${scale.last}`)
  if (entry.getRootNode().activeElement !== entry) entry.value = step
  dimExact(scrubber)
  sides.forEach(moveCursor)
  for (const side of sides) tellNumbers(side, step)
}

function tellNumbers({ reel, snapshot, told, chips, cells }, wanted) {
  for (const column of Object.keys(reel.header.lines)) told[column].textContent = whole(reel[column][snapshot])
  for (const { chip, snapshot: there } of chips) chip.toggleAttribute("aria-current", there === snapshot)
  const step = reel.step[snapshot], drawn = reel.step[reel.begins[reel.frame[snapshot]]]
  told.preview.textContent = reel.header.stride > 1 && drawn !== step ? `Pictures: step ${whole(drawn)}.` : ""
  const late = step === wanted ? "" : `, the last recorded one before ${whole(wanted)}`
  for (const cell of cells) cell.querySelector(".at").textContent = `step ${whole(step)}${late}`
}

function describe(scrubber) {
  const numbers = scrubber.sides.map(describeSide)
  scrubber.voice.textContent = scrubber.playing ? "" : numbers.join("; ")
}

function describeSide(side) {
  const { reel, snapshot, canvases } = side, { now } = at(side), whose = reel.header.name && `${reel.header.name}: `
  const numbers = Object.entries(reel.header.lines).map(([column, [, name]]) => `${reel[column][snapshot]} ${name}`).join(", ")
  const holes = now.holes.slice(0, 12).map(hole => `${hole.population} (${nature(hole)})`).join("; ") + (now.holes.length > 12 ? `; and ${now.holes.length - 12} more` : "")
  const when = `step ${reel.step[snapshot]}, ${reel.header.group} tokens`
  const words = {
    counts: `Counts over the run; at ${when}: ${numbers}`,
    sizes: `Black holes at ${when}: ${holes || "none"}`,
    distances: `Largest component differences between ${when}, ordered by black hole; zero within a hole`,
    places: `Positions of ${now.vectors.length} vectors on two principal axes at ${when}`,
  }
  for (const [picture, text] of Object.entries(words)) canvases[picture].setAttribute("aria-label", whose + text)
  return `${whose}${when}: ${numbers}`
}
