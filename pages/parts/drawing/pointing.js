// What the pointer is over, in words; what a click chooses.

function bitHex(id) {
  return "0x" + id.toString(16).toUpperCase().padStart(2, "0")
}

function tokenTold(self, token) {
  const { now } = at(self.reel, self.snapshot)
  const { id, glyph, group } = name(self.reel, token), vector = now.vectors[now.label[token]]
  const lines = [`token ${id} · byte ${bitHex(id)} · ${glyph} · ${group}`]
  if (vector.population === 1) lines.push("shares its vector with nobody")
  else {
    lines.push(`hole ${vector.number + 1}, population ${whole(vector.population)}`)
    const place = vector.classes?.findIndex(tokens => tokens.includes(token))
    if (vector.classes) lines.push(`hidden class ${place + 1} of ${vector.classes.length}, ${vector.classes[place].length} tokens`)
  }
  return lines
}

function vectorTold(self, vector) {
  if (vector.population === 1) return tokenTold(self, vector.tokens[0])
  const { reel } = self, dead = vector.tokens.filter(token => reel.header.dead[token]).length
  const who = vector.tokens.slice(0, 24).map(token => name(reel, token).glyph).join(" ")
  const more = vector.population > 24 ? ` and ${vector.population - 24} more` : ""
  return [`hole ${vector.number + 1}, population ${whole(vector.population)} (${dead} dead, ${vector.population - dead} live)`, nature(vector), who + more]
}

// [lines for the tip, the token a click chooses, whether it means the hole]
function pointed(self, picture, x, y) {
  const { reel } = self
  if (picture === "sizes") {
    const hit = self.hits.sizes.find(box => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)
    if (!hit) return null
    if (!hit.who) return [[`${whole(hit.tokens.length)} tokens`, hit.tokens.slice(0, 24).map(token => name(reel, token).glyph).join(" ")], hit.tokens[0], false]
    const classes = hit.group ? [`this part: hidden class ${hit.group}, ${hit.tokens.length} tokens`] : []
    return [[...vectorTold(self, hit.who), ...classes], hit.who.tokens[0], true]
  }
  if (picture === "places") {
    const near = self.hits.places.filter(spot => Math.hypot(spot.x - x, spot.y - y) <= spot.radius + 2)
    const hit = near.sort((a, b) => a.radius - b.radius)[0]
    return hit ? [vectorTold(self, hit.vector), hit.vector.tokens[0], hit.vector.population > 1] : null
  }
  const { left, side, count, order, frame } = self.hits.distances
  const [column, row] = [Math.floor(((x - left) / side) * count), Math.floor((y / side) * count)]
  if (row < 0 || row >= count || column >= count || x < left - 12) return null
  const first = order[row]
  if (column < 0 || column === row) return [tokenTold(self, first), first, false]
  const { now } = at(reel, self.snapshot), second = order[column]
  const far = apart(reel, frame, now.label[first], now.label[second])
  const told = far === undefined ? "distance not sent" : far === 0 ? "one vector" : reel.header.unit === "cells" ? `L∞ ${whole(far)} cells` : `L∞ ${far.toExponential(3)} weight units`
  return [[`${tokenTold(self, first)[0]}`, `${tokenTold(self, second)[0]}`, told], first, false]
}

function connectPointer(self) {
  const { root, tip } = self
  for (const picture of ["sizes", "distances", "places"]) {
    const canvas = self.canvases[picture]
    canvas.onpointermove = event => {
      const hit = pointed(self, picture, event.offsetX, event.offsetY)
      canvas.style.cursor = hit ? "pointer" : "default"
      tip.hidden = !hit
      if (!hit) return
      tip.replaceChildren(...hit[0].map(line => Object.assign(document.createElement("div"), { textContent: line })))
      const box = root.getBoundingClientRect()
      const [x, y] = [event.clientX - box.left, event.clientY - box.top]
      tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - tip.offsetWidth - 4))}px`
      tip.style.top = `${y + 16}px`
    }
    canvas.onpointerleave = () => (tip.hidden = true)
    canvas.onclick = event => {
      const hit = pointed(self, picture, event.offsetX, event.offsetY)
      choose(self, hit ? hit[1] : null, hit ? hit[2] : false)
    }
  }
}

function choose(self, token, hole) {
  self.chosen = token === self.chosen && hole === self.chosenHole ? null : token
  self.chosenHole = hole
  const word = self.chosen === null ? "" : (hole ? "h" : "t") + self.reel.header.ids[self.chosen]
  self.set("select", word)
  repaint(self)
}
