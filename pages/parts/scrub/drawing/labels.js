// The step in words and numbers: for eyes at every frame, for ears when it has come to rest.

const MOST_CHIPS = 8
const KINDS_TOLD = ["tokens came together", "holes merged", "a hole split or lost tokens", "a hole came apart"]

function eventTold(reel, snapshot, kind) {
  const words = KINDS_TOLD.filter((_, bit) => kind & (1 << bit)).join(", "), change = column => `${whole(reel[column][snapshot - 1])} → ${whole(reel[column][snapshot])}`
  return `${words}: black holes ${change("holes")}, tokens in them ${change("population")}`
}

// The events of the run as buttons that lead there: all of them, or the first and the last.
function tellEvents(self) {
  const { reel } = self, all = [...reel.event].map((snapshot, i) => ({ snapshot, kind: reel.kind[i] }))
  const cut = all.length > MOST_CHIPS ? [...all.slice(0, MOST_CHIPS / 2), null, ...all.slice(-MOST_CHIPS / 2)] : all
  self.chips = []
  self.told.events.replaceChildren(...cut.map(event => {
    if (!event) return Object.assign(document.createElement("span"), { textContent: `… ${whole(all.length - MOST_CHIPS)} more …` })
    const [before, after] = [reel.holes[event.snapshot - 1], reel.holes[event.snapshot]]
    const what = before === after ? `${whole(reel.population[event.snapshot - 1])} → ${whole(reel.population[event.snapshot])} tokens in holes` : `${whole(before)} → ${whole(after)} ${after === 1 ? "hole" : "holes"}`
    const chip = Object.assign(document.createElement("button"), { type: "button", title: eventTold(reel, event.snapshot, event.kind) })
    chip.append(Object.assign(document.createElement("b"), { textContent: `step ${whole(reel.step[event.snapshot])}` }), ` ${what}`)
    chip.onclick = () => rest(self, event.snapshot, 0)
    self.chips.push({ chip, snapshot: event.snapshot })
    return chip
  }))
  self.told.events.hidden = all.length === 0
}

function tellNumbers(self) {
  const { reel, snapshot } = self
  for (const column of Object.keys(LINES)) self.told[column].textContent = whole(reel[column][snapshot])
  const step = reel.step[snapshot]
  self.root.dataset.step = step
  self.slider.value = self.axis.where[snapshot]
  self.slider.setAttribute("aria-valuetext", `step ${step} of ${reel.header.last_step}`)
  for (const { chip, snapshot: there } of self.chips) chip.toggleAttribute("aria-current", there === snapshot)
  const shown = reel.step[reel.begins[reel.frame[snapshot]]]
  self.told.preview.textContent = reel.header.stride > 1 && shown !== step ? `The pictures show step ${whole(shown)}.` : ""
  if (self.entry.getRootNode().activeElement !== self.entry) self.entry.value = step
}

function describe(self) {
  const { reel, snapshot, canvases } = self, { now } = at(reel, snapshot)
  const numbers = Object.entries(LINES).map(([column, [, word]]) => `${reel[column][snapshot]} ${word}`).join(", ")
  const holes = now.holes.slice(0, 12).map(hole => `${hole.population} (${nature(hole)})`).join("; ") + (now.holes.length > 12 ? `; and ${now.holes.length - 12} more` : "")
  const when = `step ${reel.step[snapshot]}, ${reel.header.group} tokens`
  canvases.counts.setAttribute("aria-label", `Counts over the run; at ${when}: ${numbers}`)
  canvases.sizes.setAttribute("aria-label", `Black holes at ${when}: ${holes || "none"}`)
  canvases.distances.setAttribute("aria-label", `Largest component differences between ${when}, ordered by black hole; zero within a hole`)
  canvases.places.setAttribute("aria-label", `Places of ${now.vectors.length} vectors on two principal axes at ${when}`)
  self.voice.textContent = self.playing ? "" : `${when}: ${numbers}`
}
