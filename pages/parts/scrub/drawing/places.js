// Vectors on two principal axes fixed for the run, area by population, with trails of the last snapshots.

const TRAIL = 30

function drawPlaces(side) {
  const { reel, basis, scrubber: { theme } } = side
  const { draw, width, height } = pen(side, "places")
  const { frame, now } = at(side)
  const shown = plane(side, width, height), { right: x, up: y } = shown
  paintFrame(side, draw, shown, x, y, width, height)
  draw.save()
  draw.beginPath()
  draw.rect(PLOT.left, PLOT.top, width - PLOT.left - PLOT.right, height - PLOT.top - PLOT.bottom)
  draw.clip()
  paintTrails(side, draw, now, frame, x, y)
  const measure = measureOf(side)
  side.hits.places = []
  for (const vector of now.vectors) {
    const [a, b] = place(reel, frame, vector.number, basis)
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue
    const radius = radiusOf(side, vector.population)
    draw.strokeStyle = theme.back
    draw.lineWidth = 1
    marker(draw, x(a), y(b), radius, coloursOf(side, measure, frame, vector), vector.live === 0 ? "circle" : vector.live === vector.population ? "triangle" : "square")
    if (picked(side, vector)) {
      draw.strokeStyle = theme.cursor
      draw.lineWidth = 2.5
      draw.beginPath()
      draw.arc(x(a), y(b), radius + 3, 0, 7)
      draw.stroke()
    }
    const isInside = x(a) > PLOT.left - radius && x(a) < width - PLOT.right + radius && y(b) > PLOT.top - radius && y(b) < height - PLOT.bottom + radius
    if (isInside) side.hits.places.push({ x: x(a), y: y(b), radius: Math.max(radius, 6), vector })
  }
  if (measure) paintMeasure(side, measure, draw, width)
  draw.restore()
}

// Area by population: of all tokens in one hole, that of a circle 54 pixels wide.
function radiusOf({ scrubber }, population) {
  return Math.max(3, 1.35 * Math.sqrt((1400 * population) / Math.max(1, scrubber.scale.tokens) / Math.PI))
}

function marker(draw, x, y, radius, colours, shape) {
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
  fillMarker(draw, x, y, radius, colours)
  draw.globalAlpha = 1
  if (colours.length === 1) draw.stroke()
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

function paintFrame({ reel, basis, scrubber: { theme } }, draw, shown, x, y, width, height) {
  const scene = reel.header[basis]
  // As many digits as tell neighbouring ticks of a zoomed axis apart.
  const round = ticks => {
    const apart = Math.abs(ticks[1] - ticks[0]) || 1, most = Math.max(...ticks.map(Math.abs), 1e-300), digits = Math.max(2, Math.ceil(Math.log10(most / apart)) + 1)
    return value => (value === 0 ? "0" : most < 1e-3 || most >= 1e5 ? value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e") : String(+value.toPrecision(digits)))
  }
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
  const [across, up] = [linearTicks(shown.x), linearTicks(shown.y)], [roundAcross, roundUp] = [round(across), round(up)]
  let taken = -Infinity
  for (const tick of across) {
    rule([x(tick), PLOT.top], [x(tick), height - PLOT.bottom], 0.7)
    const text = roundAcross(tick), half = draw.measureText(text).width / 2
    if (x(tick) - half < taken + 6 || x(tick) + half > width) continue
    taken = x(tick) + half
    draw.fillText(text, x(tick), height - 25)
  }
  draw.textAlign = "right"
  for (const tick of up) {
    rule([PLOT.left, y(tick)], [width - PLOT.right, y(tick)], 0.7)
    draw.fillText(roundUp(tick), PLOT.left - 5, y(tick))
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
