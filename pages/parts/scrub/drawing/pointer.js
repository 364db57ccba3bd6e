// What the pointer or the keys are on, in words; what a click or Enter chooses.

const MOST_LISTED = 14

function tokenTold(side, token) {
  const { now } = at(side)
  const { id, byte, glyph, group } = name(side.reel, token), vector = now.vectors[now.label[token]]
  const lines = [[`token ${id}`, `${byte}${glyph}`, group].filter(Boolean).join(" · ")]
  if (vector.lost) return [...lines, nature(vector)]
  if (vector.population === 1) return [...lines, "not shared"]
  const place = vector.classes?.findIndex(tokens => tokens.includes(token))
  const hidden = vector.classes ? `hidden class ${place + 1} of ${vector.classes.length}, ${whole(vector.classes[place].length)} tokens · ` : ""
  return [...lines, `hole ${holeName(side.reel, vector)}, ${whole(vector.population)} tokens`, hidden + nature(vector).split(":")[0]]
}

function vectorTold(side, vector) {
  if (vector.population === 1) return tokenTold(side, vector.tokens[0])
  const { reel } = side
  const split = reel.header.dead ? ` (${whole(vector.population - vector.live)} dead, ${whole(vector.live)} live)` : ""
  return [`hole ${holeName(reel, vector)}, ${whole(vector.population)} tokens${split}`, nature(vector), ...measureTold(side, vector), listed(reel, vector.tokens)]
}

// The value that colours a position.
function measureTold(side, vector) {
  const measure = measureOf(side), value = measure?.values[side.reel.vector_at[at(side).frame] + vector.number]
  return measure ? [`${side.colourPicker.selectedOptions[0].textContent}: ${Number.isFinite(value) ? String(+value.toPrecision(6)) : "none"}`] : []
}

function listed(reel, tokens) {
  const words = tokens.slice(0, MOST_LISTED).map(token => {
    const { id, byte, glyph } = name(reel, token)
    return `${byte.slice(5, 9)} ${glyph}`.trim() || `${id}`
  })
  return words.join(", ") + (tokens.length > MOST_LISTED ? ` and ${whole(tokens.length - MOST_LISTED)} more` : "")
}

function pairTold(side, first, second) {
  if (first === second) return tokenTold(side, first)
  const { reel } = side, { frame, now } = at(side)
  const far = apart(reel, frame, now.label[first], now.label[second])
  const unit = reel.header.unit === "cells" ? value => `${whole(value)} ${value === 1 ? "cell" : "cells"}` : value => `${value.toExponential(3)} weight units`
  const told = far === undefined ? "distance not available: not among the largest vectors" : Number.isNaN(far) ? "distance undefined: NaN or infinite row" : far === 0 ? "identical" : `L∞ ${unit(far)}`
  return [...tokenTold(side, first), "and", ...tokenTold(side, second), told]
}

// What a click on a token in a bar chooses: the hole it is in, named by its first token, or the token where it is alone.
function meant(side, token) {
  const { now } = at(side), { tokens, population, lost } = now.vectors[now.label[token]]
  return lost ? { token, hole: false } : { token: tokens[0], hole: population > 1 }
}

// Everything in a picture that can be chosen: where it is, the token it stands for, whether the hole is meant.
function items(side, picture) {
  if (picture === "sizes") return side.hits.sizes.map(box => ({ ...box, ...meant(side, box.tokens[0]) }))
  if (picture === "places")
    return side.hits.places.map(({ x, y, radius, vector }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius, token: vector.tokens[0], hole: vector.population > 1, vector }))
  const { left, edge, count, order } = side.hits.distances
  return order.map((token, row) => ({ left, right: left + edge, top: (row * edge) / count, bottom: ((row + 1) * edge) / count, token, hole: false }))
}

function itemTold(side, picture, item) {
  if (picture === "places") return vectorTold(side, item.vector)
  if (picture === "distances") return tokenTold(side, item.token)
  if (item.who) return [...vectorTold(side, item.who).slice(0, 2), ...(item.who.classes?.length > 1 ? [`hidden class of ${whole(item.tokens.length)}`] : []), listed(side.reel, item.tokens)]
  return [`${whole(item.tokens.length)} tokens`, listed(side.reel, item.tokens)]
}

// [lines for the tip, the token a click chooses, whether it means the hole]
function pointed(side, picture, x, y) {
  if (picture === "counts") return pointedStep(side, x)
  if (picture === "distances") return pointedPair(side, x, y)
  const slack = picture === "places" ? 2 : 0
  const found = items(side, picture).filter(item => x >= item.left - slack && x <= item.right + slack && y >= item.top - slack && y <= item.bottom + slack)
  const hit = found.sort((a, b) => a.right - a.left - (b.right - b.left))[0]
  if (!hit) return null
  if (picture === "places") return [[...vectorTold(side, hit.vector), ...(hit.hole ? [] : measureTold(side, hit.vector))], hit.token, hit.hole]
  // A bar is laid out token by token, so the pointer is on one of them.
  const token = hit.tokens[Math.min(hit.tokens.length - 1, Math.max(0, Math.floor(((x - hit.left) / (hit.right - hit.left)) * hit.tokens.length)))]
  const { token: chosen, hole } = meant(side, token)
  return [[...tokenTold(side, token), ...(hit.who ? [nature(hit.who)] : [])], chosen, hole]
}

function pointedPair(side, x, y) {
  const { left, edge, count, order } = side.hits.distances
  const [column, row] = [Math.floor(((x - left) / edge) * count), Math.floor((y / edge) * count)]
  if (row < 0 || row >= count || column >= count || x < left - 12) return null
  return [pairTold(side, order[row], column < 0 ? order[row] : order[column]), order[row], false]
}

function pointedStep({ reel, where, canvases: { counts } }, x) {
  const part = (x - LEFT) / (counts.clientWidth - LEFT - RIGHT)
  if (part < -0.01 || part > 1.01) return null
  const near = [...reel.event].map((snapshot, i) => ({ snapshot, kind: reel.kind[i], far: Math.abs(where[snapshot] - part) * counts.clientWidth }))
  const event = near.filter(({ far }) => far <= 6).sort((a, b) => a.far - b.far)[0]
  const snapshot = event ? event.snapshot : nearest(where, part), step = reel.step[snapshot]
  const lines = [`step ${whole(step)} · ` + Object.entries(reel.header.lines).map(([column, [symbol]]) => `${symbol} ${whole(reel[column][snapshot])}`).join(" · ")]
  const curve = reel.loss_step.findLastIndex(known => known <= step)
  if (curve >= 0) lines.push(`loss ${reel.loss[curve].toPrecision(4)} · learning rate ${reel.rate[curve].toExponential(2)}`)
  if (event) lines.push(eventTold(reel, event.snapshot, event.kind))
  return [lines, null, false]
}

function showTip({ root, tip }, lines, x, y) {
  const box = root.getBoundingClientRect()
  tip.replaceChildren(...lines.map(line => Object.assign(document.createElement("div"), { textContent: line })))
  tip.hidden = false
  tip.style.left = `${Math.max(0, Math.min(x - box.left + 14, box.width - tip.offsetWidth - 4))}px`
  tip.style.top = `${y - box.top + 16}px`
}

function connectPointer(side) {
  const { scrubber } = side
  for (const [picture, canvas] of Object.entries(side.canvases)) {
    canvas.addEventListener("pointermove", event => {
      const hit = event.buttons ? null : pointed(side, picture, event.offsetX, event.offsetY)
      if (picture !== "counts") canvas.style.cursor = hit ? "pointer" : "default"
      if (hit) showTip(scrubber, hit[0], event.clientX, event.clientY)
      else scrubber.tip.hidden = true
    })
    canvas.addEventListener("pointerleave", () => (scrubber.tip.hidden = true))
    if (picture === "counts") continue
    canvas.onclick = event => {
      if (picture === "places" && side.isPanned) return
      const hit = pointed(side, picture, event.offsetX, event.offsetY)
      choose(side, hit ? hit[1] : null, hit ? hit[2] : false)
    }
    connectRing(side, picture)
  }
}

// The same without a pointer: up and down move a ring through the picture, Enter chooses, Escape lets go.
function connectRing(side, picture) {
  const { scrubber } = side, stage = side.stages[picture]
  stage.onfocus = () => {
    if (!stage.matches(":focus-visible")) return
    const chosen = items(side, picture).findIndex(item => [item.token, ...(item.tokens ?? item.vector?.tokens ?? [])].includes(side.chosen))
    scrubber.focus = { side, picture, row: Math.max(0, chosen), column: null }
    drawRing(scrubber)
  }
  stage.onblur = () => {
    scrubber.focus = null
    side.rings[picture].hidden = scrubber.tip.hidden = true
  }
  stage.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== stage) return
    const move = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (!move && event.key !== "Enter") return
    event.preventDefault()
    const focus = (scrubber.focus ??= { side, picture, row: 0, column: null }), all = items(side, picture), last = all.length - 1
    if (last < 0) return
    const row = Math.min(focus.row, last)
    if (event.key === "Enter") return choose(side, all[row].token, all[row].hole)
    if (event.shiftKey && picture === "distances") focus.column = Math.min(last, Math.max(0, (focus.column ?? focus.row) + move))
    else focus.row = Math.min(last, Math.max(0, row + move))
    scrubber.voice.textContent = drawRing(scrubber).join(". ")
  }
}

// The ring around what the keys are on, and its tip; again after every repaint, for it moves with the step.
function drawRing(scrubber) {
  if (!scrubber.focus) return []
  const { side, picture, row, column } = scrubber.focus, ring = side.rings[picture], all = items(side, picture)
  const item = all[Math.min(row, all.length - 1)], other = column === null ? null : all[Math.min(column, all.length - 1)]
  ring.hidden = !item
  if (!item) return []
  const box = other ? { ...item, left: item.left + other.top, right: item.left + other.bottom } : item
  Object.assign(ring.style, { left: `${box.left - 3}px`, top: `${box.top - 3}px`, width: `${box.right - box.left + 6}px`, height: `${box.bottom - box.top + 6}px` })
  const lines = other ? pairTold(side, item.token, other.token) : itemTold(side, picture, item), stage = side.stages[picture].getBoundingClientRect()
  showTip(scrubber, lines, stage.left + Math.min(box.right, box.left + 60), stage.top + box.bottom)
  return lines
}

// A token is chosen by its id, so that it is marked on every side.
function choose(side, token, hole) {
  const { scrubber } = side, id = token === null ? null : side.reel.header.ids[token]
  if (id === null && scrubber.chosen === null) return
  mark(scrubber, id === scrubber.chosen && hole === scrubber.chosenHole ? null : id, hole)
  scrubber.set("select", scrubber.chosen === null ? "" : (hole ? "h" : "t") + id)
  repaint(scrubber)
}

function mark(scrubber, id, hole) {
  Object.assign(scrubber, { chosen: id, chosenHole: hole })
  for (const side of scrubber.sides) {
    const token = side.reel.header.ids.indexOf(id)
    side.chosen = token < 0 ? null : token
  }
  const [{ reel, chosen }] = scrubber.sides, isTyping = scrubber.search.getRootNode().activeElement === scrubber.search
  if (chosen !== null || !isTyping) scrubber.search.value = chosen === null ? "" : tokenLabel(reel, chosen)
}
