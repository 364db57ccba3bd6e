// What the pointer or the keys are on, in words; what a click or Enter chooses.

const MOST_LISTED = 14

function tokenTold(self, token) {
  const { now } = at(self.reel, self.snapshot)
  const { id, byte, glyph, group } = name(self.reel, token), vector = now.vectors[now.label[token]]
  const lines = [[`token ${id}`, `${byte}${glyph}`, group].filter(Boolean).join(" · ")]
  if (vector.lost) return [...lines, nature(vector)]
  if (vector.population === 1) return [...lines, "in no hole: shares its vector with nobody"]
  const place = vector.classes?.findIndex(tokens => tokens.includes(token))
  const hidden = vector.classes ? `hidden class ${place + 1} of ${vector.classes.length}, ${whole(vector.classes[place].length)} tokens · ` : ""
  return [...lines, `hole ${vector.number + 1}, population ${whole(vector.population)}`, hidden + nature(vector).split(":")[0]]
}

function vectorTold(self, vector) {
  if (vector.population === 1) return tokenTold(self, vector.tokens[0])
  const { reel } = self, dead = vector.tokens.filter(token => isDead(reel, token)).length
  const split = reel.header.dead ? ` (${whole(dead)} dead, ${whole(vector.population - dead)} live)` : ""
  return [`hole ${vector.number + 1}, population ${whole(vector.population)}${split}`, nature(vector), listed(self, vector.tokens)]
}

function listed(self, tokens) {
  const named = tokens.slice(0, MOST_LISTED).map(token => {
    const { id, byte, glyph } = name(self.reel, token)
    return `${byte.slice(5, 9)} ${glyph}`.trim() || `${id}`
  })
  return named.join(", ") + (tokens.length > MOST_LISTED ? ` and ${whole(tokens.length - MOST_LISTED)} more` : "")
}

function pairTold(self, first, second) {
  if (first === second) return tokenTold(self, first)
  const { reel } = self, { frame, now } = at(reel, self.snapshot)
  const far = apart(reel, frame, now.label[first], now.label[second])
  const unit = reel.header.unit === "cells" ? value => `${whole(value)} ${value === 1 ? "cell" : "cells"}` : value => `${value.toExponential(3)} weight units`
  const told = far === undefined ? "distance not sent: not among the most populous vectors" : Number.isNaN(far) ? "no distance: a row is not finite" : far === 0 ? "one vector" : `L∞ ${unit(far)}`
  return [...tokenTold(self, first), "and", ...tokenTold(self, second), told]
}

// What a click on a token in a bar chooses: the hole it is in, named by its first token, or the token where it is alone.
function meant(self, token) {
  const { now } = at(self.reel, self.snapshot), { tokens, population, lost } = now.vectors[now.label[token]]
  return lost ? { token, hole: false } : { token: tokens[0], hole: population > 1 }
}

// Everything in a picture that can be chosen: where it is, the token it stands for, whether the hole is meant.
function items(self, picture) {
  if (picture === "sizes") return self.hits.sizes.map(box => ({ ...box, ...meant(self, box.tokens[0]) }))
  if (picture === "places")
    return self.hits.places.map(({ x, y, radius, vector }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius, token: vector.tokens[0], hole: vector.population > 1, vector }))
  const { left, side, count, order } = self.hits.distances
  return order.map((token, row) => ({ left, right: left + side, top: (row * side) / count, bottom: ((row + 1) * side) / count, token, hole: false }))
}

function itemTold(self, picture, item) {
  if (picture === "places") return vectorTold(self, item.vector)
  if (picture === "distances") return tokenTold(self, item.token)
  if (item.who) return [...vectorTold(self, item.who).slice(0, 2), ...(item.who.classes?.length > 1 ? [`this part: one hidden class of ${whole(item.tokens.length)}`] : []), listed(self, item.tokens)]
  return [`${whole(item.tokens.length)} tokens`, listed(self, item.tokens)]
}

// [lines for the tip, the token a click chooses, whether it means the hole]
function pointed(self, picture, x, y) {
  if (picture === "distances") return pointedPair(self, x, y)
  const slack = picture === "places" ? 2 : 0
  const found = items(self, picture).filter(item => x >= item.left - slack && x <= item.right + slack && y >= item.top - slack && y <= item.bottom + slack)
  const hit = found.sort((a, b) => a.right - a.left - (b.right - b.left))[0]
  if (!hit) return null
  if (picture === "places") return [vectorTold(self, hit.vector), hit.token, hit.hole]
  // A bar is laid out token by token, so the pointer is on one of them.
  const token = hit.tokens[Math.min(hit.tokens.length - 1, Math.max(0, Math.floor(((x - hit.left) / (hit.right - hit.left)) * hit.tokens.length)))]
  const { token: chosen, hole } = meant(self, token)
  return [[...tokenTold(self, token), ...(hit.who ? [nature(hit.who)] : [])], chosen, hole]
}

function pointedPair(self, x, y) {
  const { left, side, count, order } = self.hits.distances
  const [column, row] = [Math.floor(((x - left) / side) * count), Math.floor((y / side) * count)]
  if (row < 0 || row >= count || column >= count || x < left - 12) return null
  return [pairTold(self, order[row], column < 0 ? order[row] : order[column]), order[row], false]
}

function pointedStep(self, x) {
  const { reel, axis, canvases: { counts } } = self
  const part = (x - LEFT) / (counts.clientWidth - LEFT - RIGHT)
  if (part < -0.01 || part > 1.01) return null
  const near = [...reel.event].map((snapshot, i) => ({ snapshot, kind: reel.kind[i], far: Math.abs(axis.where[snapshot] - part) * counts.clientWidth }))
  const event = near.filter(({ far }) => far <= 6).sort((a, b) => a.far - b.far)[0]
  const snapshot = event ? event.snapshot : nearest(axis.where, part), step = reel.step[snapshot]
  const lines = [`step ${whole(step)} · ` + Object.entries(LINES).map(([column, [letter]]) => `${letter} ${whole(reel[column][snapshot])}`).join(" · ")]
  const curve = reel.loss_step.findLastIndex(known => known <= step)
  if (curve >= 0) lines.push(`loss ${reel.loss[curve].toPrecision(4)} · learning rate ${reel.rate[curve].toExponential(2)}`)
  if (event) lines.push(eventTold(reel, event.snapshot, event.kind))
  return [lines, null, false]
}

function showTip(self, lines, x, y) {
  const { root, tip } = self, box = root.getBoundingClientRect()
  tip.replaceChildren(...lines.map(line => Object.assign(document.createElement("div"), { textContent: line })))
  tip.hidden = false
  tip.style.left = `${Math.max(0, Math.min(x - box.left + 14, box.width - tip.offsetWidth - 4))}px`
  tip.style.top = `${y - box.top + 16}px`
}

function connectPointer(self) {
  for (const picture of ["counts", "sizes", "distances", "places"]) {
    const canvas = self.canvases[picture]
    canvas.addEventListener("pointermove", event => {
      const hit = picture === "counts" ? pointedStep(self, event.offsetX) : pointed(self, picture, event.offsetX, event.offsetY)
      if (picture !== "counts") canvas.style.cursor = hit ? "pointer" : "default"
      if (hit && !event.buttons) showTip(self, hit[0], event.clientX, event.clientY)
      else self.tip.hidden = true
    })
    canvas.addEventListener("pointerleave", () => (self.tip.hidden = true))
    if (picture === "counts") continue
    canvas.onclick = event => {
      const hit = pointed(self, picture, event.offsetX, event.offsetY)
      choose(self, hit ? hit[1] : null, hit ? hit[2] : false)
    }
    connectFinger(self, picture)
  }
}

// The same without a pointer: up and down move a ring through the picture, Enter chooses, Escape lets go.
function connectFinger(self, picture) {
  const stage = self.stages[picture]
  stage.onfocus = () => {
    if (!stage.matches(":focus-visible")) return
    const chosen = items(self, picture).findIndex(item => item.token === self.chosen || item.tokens?.includes(self.chosen) || item.vector?.tokens.includes(self.chosen))
    self.finger = { picture, row: Math.max(0, chosen), column: null }
    point(self)
  }
  stage.onblur = () => {
    self.finger = null
    self.rings[picture].hidden = self.tip.hidden = true
  }
  stage.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const move = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (!move && event.key !== "Enter") return
    event.preventDefault()
    const finger = (self.finger ??= { picture, row: 0, column: null }), here = items(self, picture), last = here.length - 1
    if (last < 0) return
    if (event.key === "Enter") return choose(self, here[Math.min(finger.row, last)].token, here[Math.min(finger.row, last)].hole)
    if (event.shiftKey && picture === "distances") finger.column = Math.min(last, Math.max(0, (finger.column ?? finger.row) + move))
    else finger.row = Math.min(last, Math.max(0, Math.min(finger.row, last) + move))
    self.voice.textContent = point(self).join(". ")
  }
}

// The ring around what the keys are on, and its tip; again after every repaint, for it moves with the step.
function point(self) {
  const { finger } = self, ring = finger && self.rings[finger.picture], here = finger ? items(self, finger.picture) : []
  const item = here[Math.min(finger?.row ?? 0, here.length - 1)], other = finger?.column === null ? null : here[Math.min(finger?.column ?? 0, here.length - 1)]
  if (ring) ring.hidden = !item
  if (!item) return []
  const box = other ? { ...item, left: item.left + other.top, right: item.left + other.bottom } : item
  Object.assign(ring.style, { left: `${box.left - 3}px`, top: `${box.top - 3}px`, width: `${box.right - box.left + 6}px`, height: `${box.bottom - box.top + 6}px` })
  const lines = other ? pairTold(self, item.token, other.token) : itemTold(self, finger.picture, item), stage = self.stages[finger.picture].getBoundingClientRect()
  showTip(self, lines, stage.left + Math.min(box.right, box.left + 60), stage.top + box.bottom)
  return lines
}

function choose(self, token, hole) {
  if (token === null && self.chosen === null) return
  self.chosen = token === self.chosen && hole === self.chosenHole ? null : token
  self.chosenHole = hole
  const word = self.chosen === null ? "" : (hole ? "h" : "t") + self.reel.header.ids[self.chosen]
  self.set("select", word)
  repaint(self)
}
