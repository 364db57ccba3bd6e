// Vectors on two principal axes fixed for the run, area by population, with trails of the last snapshots.

const TRAIL = 30

function drawPlaces(side) {
  const { reel, basis, scrubber: { theme } } = side
  const { draw, width, height } = pen(side, "places")
  const { frame, now } = at(side)
  const scene = reel.header[basis]
  const scale = ([low, high], from, to) => value => from + ((value - low) / (high - low)) * (to - from)
  const x = scale(scene.x, 52, width - 10), y = scale(scene.y, height - 34, 8)
  paintFrame(side, draw, scene, x, y, width, height)
  paintTrails(side, draw, now, frame, x, y)
  side.hits.places = []
  const shown = Math.sqrt(1400 / Math.max(1, side.scrubber.scale.tokens) / Math.PI)
  for (const vector of now.vectors) {
    const [a, b] = place(reel, frame, vector.number, basis)
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue
    const radius = Math.max(3, 1.35 * shown * Math.sqrt(vector.population))
    draw.fillStyle = slotColour(theme, vector.slot)
    draw.strokeStyle = theme.back
    draw.lineWidth = 1
    marker(draw, x(a), y(b), radius, vector.live === 0 ? "circle" : vector.live === vector.population ? "triangle" : "square")
    if (picked(side, vector)) {
      draw.strokeStyle = theme.cursor
      draw.lineWidth = 2.5
      draw.beginPath()
      draw.arc(x(a), y(b), radius + 3, 0, 7)
      draw.stroke()
    }
    side.hits.places.push({ x: x(a), y: y(b), radius: Math.max(radius, 6), vector })
  }
}

function marker(draw, x, y, radius, shape) {
  draw.globalAlpha = 0.85
  draw.beginPath()
  if (shape === "circle") draw.arc(x, y, radius, 0, 7)
  else if (shape === "square") draw.rect(x - radius * 0.89, y - radius * 0.89, radius * 1.77, radius * 1.77)
  else {
    const reach = radius * 1.35
    draw.moveTo(x, y - reach)
    draw.lineTo(x + reach * 0.87, y + reach / 2)
    draw.lineTo(x - reach * 0.87, y + reach / 2)
    draw.closePath()
  }
  draw.fill()
  draw.globalAlpha = 1
  draw.stroke()
}

// The way of every vector's first token through the last snapshots, fading with age. Lines of one age and colour are stroked
// together: thousands of strokes in two pictures would take longer than a frame.
function paintTrails({ reel, basis, scrubber: { theme } }, draw, now, frame, x, y) {
  if (now.vectors.length > 200) return
  const later = now.vectors.map(vector => place(reel, frame, vector.number, basis))
  draw.lineWidth = 1.6
  for (let back = 1; back <= Math.min(TRAIL, frame); back++) {
    const { label } = partition(reel, reel.partition[frame - back]), lines = {}
    now.vectors.forEach((vector, i) => {
      const earlier = place(reel, frame - back, label[vector.tokens[0]], basis), line = (lines[slotColour(theme, vector.slot)] ??= new Path2D())
      line.moveTo(x(later[i][0]), y(later[i][1]))
      line.lineTo(x(earlier[0]), y(earlier[1]))
      later[i] = earlier
    })
    draw.globalAlpha = 0.75 * (1 - back / (TRAIL + 1))
    for (const [colour, line] of Object.entries(lines)) {
      draw.strokeStyle = colour
      draw.stroke(line)
    }
  }
  draw.globalAlpha = 1
}

function paintFrame({ reel, basis, scrubber: { theme } }, draw, scene, x, y, width, height) {
  const round = value => (value === 0 ? "0" : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4 ? value.toExponential(0) : String(+value.toPrecision(2)))
  draw.lineWidth = 1
  draw.fillStyle = theme.faint
  const rule = (from, to, dim) => {
    draw.strokeStyle = theme.rule
    draw.globalAlpha = dim
    draw.beginPath()
    draw.moveTo(...from)
    draw.lineTo(...to)
    draw.stroke()
    draw.globalAlpha = 1
  }
  draw.textAlign = "center"
  for (const tick of linearTicks(scene.x)) {
    rule([x(tick), 8], [x(tick), height - 34], 0.7)
    draw.fillText(round(tick), x(tick), height - 25)
  }
  draw.textAlign = "right"
  for (const tick of linearTicks(scene.y)) {
    rule([52, y(tick)], [width - 10, y(tick)], 0.7)
    draw.fillText(round(tick), 47, y(tick))
  }
  draw.textAlign = "center"
  const unit = basis === "about" && reel.header.unit === "cells" ? "cells" : "weight units"
  const share = axis => `PC${axis + 1}, ${unit} (${percent(scene.explained[axis])} of variance)`
  draw.fillText(share(0), (52 + width - 10) / 2, height - 9)
  draw.save()
  draw.translate(8, (height - 26) / 2)
  draw.rotate(-Math.PI / 2)
  draw.fillText(share(1), 0, 0)
  draw.restore()
}

// A share that is not zero is never shown as zero.
function percent(share) {
  return share > 0 && share < 0.01 ? "< 1%" : `${(100 * share).toFixed(0)}%`
}

function linearTicks([low, high]) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(width => width >= rough)
  const ticks = []
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step)
  return ticks
}
