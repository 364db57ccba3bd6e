// The three pictures of one step: sizes of the holes, distances between the tokens, places on two axes fixed for the run.

function drawSizes(side) {
  const { reel, scrubber: { theme, scale } } = side
  const { draw, width, height } = pen(side, "sizes")
  const { now } = at(side)
  const single = now.vectors.filter(vector => vector.population === 1 && !vector.lost).flatMap(vector => vector.tokens)
  const lost = now.vectors.filter(vector => vector.lost).flatMap(vector => vector.tokens)
  // The first hole may fill the whole width, so its nature stands below it; the others leave room beside them.
  const most = Math.min(8, scale.names), below = 13
  // Few rows are tall.
  const filled = Math.min(now.holes.length, most) + (now.holes.length > most) + (single.length > 0) + (lost.length > 0)
  const tall = Math.min(44, (height - 24 - below) / Math.max(2, filled)), x = count => 64 + (count / scale.tokens) * (width - 64 - 40)
  side.hits.sizes = []
  const bar = (row, label, parts, colour, told, who) => {
    const top = 4 + row * tall + (row ? below : 0), thick = tall - 6
    draw.textAlign = "right"
    draw.fillStyle = theme.text
    draw.fillText(label, 56, top + thick / 2)
    let from = 0
    parts.forEach((part, i) => {
      const [left, right] = [x(from), x(from + part.length)]
      draw.fillStyle = classColour(colour, i, theme.dark)
      draw.fillRect(left, top, Math.max(1, right - left), thick)
      if (i) {
        draw.fillStyle = theme.back
        draw.fillRect(left - 0.4, top, 0.8, thick)
      }
      side.hits.sizes.push({ left, right: Math.max(right, left + 3), top: top - 2, bottom: top + thick + 3 + (row ? 0 : below), tokens: part, who })
      from += part.length
    })
    draw.strokeStyle = theme.text
    draw.lineWidth = 1
    draw.strokeRect(x(0) - 0.5, top - 0.5, Math.max(1, x(from) - x(0)) + 1, thick + 1)
    const count = whole(from), after = x(from) + 6
    draw.textAlign = "left"
    draw.fillStyle = theme.text
    draw.fillText(count, after, top + thick / 2)
    const beside = after + draw.measureText(count).width + 9
    draw.fillStyle = theme.faint
    draw.font = `11px ${theme.font}`
    // Beside a bar that leaves no room it would only be squeezed out of shape.
    const space = width - beside
    if (row && space > 0.6 * draw.measureText(told).width) draw.fillText(told, beside, top + thick / 2 + 0.5, space)
    else if (!row) draw.fillText(told, x(0), top + thick + 8)
    draw.font = `12px ${theme.font}`
    if (who && picked(side, who)) outline(theme, draw, x(0) - 1, top - 1, x(from) - x(0) + 2, thick + 2)
  }
  const room = most
  let row = Math.min(now.holes.length, room)
  now.holes.slice(0, room).forEach((hole, i) => bar(i, `hole ${holeName(reel, hole)}`, hole.classes ?? [hole.tokens], slotColour(theme, hole.slot), nature(hole, i > 0), hole))
  const others = now.holes.slice(room)
  if (others.length) bar(row++, "others", [others.flatMap(hole => hole.tokens)], theme.greys[0], `${others.length} more holes`, null)
  if (single.length) bar(row++, "single", [single], theme.alone, "not shared", null)
  if (lost.length) bar(row, "not finite", [lost], theme.alone, "NaN or infinite", null)
  draw.fillStyle = theme.faint
  draw.textAlign = "center"
  for (const tick of wholeTicks(scale.tokens)) draw.fillText(whole(tick), x(tick), height - 8)
}

function nature(hole, short = false) {
  if (hole.lost) return "NaN or infinite"
  if (!hole.classes) return short ? "" : "hidden classes not recorded"
  if (hole.classes.length === 1) return short ? "true" : "true: one hidden class"
  const sizes = hole.classes.map(tokens => tokens.length)
  return `apparent: ${short ? "" : `${sizes.length} hidden classes, `}${sizes.slice(0, 5).join(" + ")}${sizes.length > 5 ? " + …" : ""}`
}

function outline(theme, draw, left, top, width, height) {
  draw.strokeStyle = theme.cursor
  draw.lineWidth = 2
  draw.strokeRect(left, top, width, height)
}

function picked(side, vector) {
  return side.chosen !== null && vector.tokens.includes(side.chosen)
}

function shadeOf([low, high], colours) {
  const spread = low > 0 ? Math.log(Math.max(high, low * 1.000001) / low) : 1
  const ramp = Uint32Array.from({ length: 1024 }, (_, i) => {
    const part = (i / 1023) * (colours.length - 1), first = Math.min(colours.length - 2, Math.floor(part))
    const [red, green, blue] = blend(colours[first], colours[first + 1], part - first)
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
  })
  return distance => ramp[distance > low && low > 0 ? Math.min(1023, Math.round((Math.log(distance / low) / spread) * 1023)) : 0]
}

function drawDistances(side) {
  const { reel, scrubber: { theme } } = side
  const { draw, width, height } = pen(side, "distances")
  const { frame, now } = at(side)
  const stride = Math.ceil(now.order.length / reel.header.most_rows), order = now.order.filter((_, i) => i % stride === 0), count = order.length
  const edge = Math.min(width - 16, height - 30), left = 14 + (width - 16 - edge) / 2
  if (side.image?.width !== count) side.image = new ImageData(count, count)
  const pixels = new Uint32Array(side.image.data.buffer), shades = side.shades
  const rank = order.map(token => now.label[token])
  for (let row = 0; row < count; row++) {
    // Tokens of one vector stand side by side: what was shaded once is copied.
    if (row && rank[row] === rank[row - 1]) pixels.copyWithin(row * count, (row - 1) * count, row * count)
    else for (let column = 0; column < count; column++) {
      const known = column && rank[column] === rank[column - 1] ? pixels[row * count + column - 1] : 0
      pixels[row * count + column] = known || (column < row ? pixels[column * count + row] : shades(apart(reel, frame, rank[row], rank[column])))
    }
  }
  side.sheet ??= document.createElement("canvas")
  if (side.sheet.width !== count) side.sheet.width = side.sheet.height = count
  side.sheet.getContext("2d").putImageData(side.image, 0, 0)
  draw.imageSmoothingEnabled = false
  draw.drawImage(side.sheet, left, 0, edge, edge)
  draw.strokeStyle = theme.faint
  draw.lineWidth = 1
  draw.strokeRect(left - 0.5, 0.5, edge + 1, edge)
  const slots = rank.map(vector => now.vectors[vector].slot)
  for (let row = 0, end = 0; row < count; row = end) {
    while (end < count && slots[end] === slots[row]) end++
    draw.fillStyle = slotColour(theme, slots[row])
    draw.fillRect(left - 11, (row * edge) / count, 8, ((end - row) * edge) / count)
  }
  if (count > 1 && rank[0] === rank[count - 1]) {
    draw.fillStyle = "#fff"
    draw.textAlign = "center"
    draw.fillText(`one vector: ${whole(now.order.length)} identical tokens`, left + edge / 2, edge / 2, edge - 8)
  }
  const chosen = chosenRow(side, order, now), isHole = side.scrubber.chosenHole
  if (chosen >= 0) {
    const mates = isHole ? order.filter(token => now.label[token] === now.label[side.chosen]).length : 1
    const first = ((isHole ? rank.indexOf(rank[chosen]) : chosen) * edge) / count, thick = (mates * edge) / count
    outline(theme, draw, left, first, edge, thick)
    outline(theme, draw, left + first, 0, thick, edge)
  }
  side.hits.distances = { left, edge, count, order }
  drawRamp(side, draw, left, edge + 10, edge)
}

// The row of the selected token; where it was left out, that of the nearest one in its vector.
function chosenRow({ chosen }, order, now) {
  if (chosen === null) return -1
  const row = order.indexOf(chosen)
  return row >= 0 ? row : order.findIndex(token => now.label[token] === now.label[chosen])
}

function drawRamp({ reel, scrubber: { theme, scale } }, draw, left, top, width) {
  const cells = reel.header.unit === "cells"
  const [low, high] = scale.shades.map(bound => (cells && bound < 1e6 ? whole(bound) : bound.toExponential(1).replace("e+", "e")))
  draw.fillStyle = "#000"
  draw.fillRect(left, top, 12, 12)
  draw.strokeStyle = theme.faint
  draw.lineWidth = 1
  draw.strokeRect(left + 0.5, top + 0.5, 11, 11)
  draw.fillStyle = theme.text
  draw.textAlign = "left"
  const first = `0: identical   ${cells ? "" : "≤ "}${low}`, last = `${high} ${cells ? "cells" : ""}`
  draw.fillText(first, left + 17, top + 6.5)
  const from = left + 17 + draw.measureText(first).width + 6, to = left + width - draw.measureText(last).width - 6
  const ramp = draw.createLinearGradient(from, 0, to, 0)
  theme.near_to_far.forEach((colour, i, all) => ramp.addColorStop(i / (all.length - 1), colour))
  draw.fillStyle = ramp
  draw.fillRect(from, top + 1, Math.max(1, to - from), 10)
  draw.fillStyle = theme.text
  draw.fillText(last, to + 6, top + 6.5)
}

// Distance → pixel. Whole numbers are looked up; the others are shaded each time, from a ramp of a thousand colours.
function shader(reel, { scale: { shades }, theme }) {
  const shade = shadeOf(shades, theme.near_to_far), known = reel.distance instanceof Uint16Array ? new Uint32Array(65536) : null
  return distance => {
    if (distance === 0) return 0xff000000
    if (distance === undefined || Number.isNaN(distance)) return 0xff808080
    if (!known) return shade(distance)
    return known[distance] || (known[distance] = shade(distance))
  }
}
