// What the colour of a position means: its hole, its hidden classes, or a measure, which is handed over when it is chosen.

const MEASURE = "snowball-measure"

function connectColours(scrubber) {
  scrubber.onMeasure = () => repaint(scrubber, "places")
  document.addEventListener(MEASURE, scrubber.onMeasure)
  for (const { colourPicker } of scrubber.sides)
    colourPicker.onchange = () => {
      for (const side of scrubber.sides) side.colourPicker.value = colourPicker.value
      scrubber.set("colour", colourPicker.value)
      repaint(scrubber, "places")
    }
}

// The values of the chosen measure, their ends and their shades; null where positions have the colours of holes.
function measureOf(side) {
  const { reel: { header }, colourPicker: { value } } = side, handed = window.snowballMeasure
  if (["hole", "hidden"].includes(value) || handed?.measure !== value || handed.of.join() !== [header.run, header.group, header.unit].join()) return null
  if (side.measure?.handed === handed) return side.measure
  let [low, high] = [Infinity, -Infinity]
  for (const each of handed.values) if (Number.isFinite(each)) [low, high] = [Math.min(low, each), Math.max(high, each)]
  if (low > high) [low, high] = [0, 1]
  // Steps are shaded by their logarithm, as on the axis: most moves are early.
  const scaled = value === "move" ? Math.log1p : each => each
  return (side.measure = { handed, values: handed.values, low, high, part: each => (scaled(each) - scaled(low)) / (scaled(high) - scaled(low) || 1) })
}

function rampColour(colours, part) {
  const at = Math.min(1, Math.max(0, part)) * (colours.length - 1), first = Math.min(colours.length - 2, Math.floor(at))
  return `rgb(${blend(colours[first], colours[first + 1], at - first)})`
}

// Colours of a vector, each with its share of the circle.
function coloursOf(side, measure, frame, vector) {
  const { reel, colourPicker, scrubber: { theme } } = side, own = slotColour(theme, vector.slot)
  if (measure) {
    const value = measure.values[reel.vector_at[frame] + vector.number]
    return [[Number.isFinite(value) ? rampColour(theme.near_to_far, measure.part(value)) : theme.alone, 1]]
  }
  if (colourPicker.value !== "hidden" || !vector.classes) return [[own, 1]]
  return vector.classes.map((tokens, i) => [classColour(own, i, theme.dark), tokens.length / vector.population])
}

// Fill a marker, which is the current path, with its colours, as slices of a pie where there are several.
function fillMarker(draw, x, y, radius, colours) {
  draw.fillStyle = colours[0][0]
  if (colours.length === 1) return draw.fill()
  draw.save()
  draw.clip()
  let from = -Math.PI / 2
  for (const [colour, share] of colours) {
    draw.fillStyle = colour
    draw.beginPath()
    draw.moveTo(x, y)
    draw.arc(x, y, 2 * radius, from, (from += 2 * Math.PI * share))
    draw.fill()
  }
  draw.restore()
}

// The palette of the measure with its ends, in the corner of the picture.
function paintMeasure({ colourPicker, scrubber: { theme } }, { low, high }, draw, width) {
  const told = value => (colourPicker.value === "move" ? whole(value) : String(+value.toPrecision(3)))
  const [first, last] = [told(low), told(high)], right = width - PLOT.right - 4
  draw.font = `11px ${theme.font}`
  draw.textAlign = "right"
  draw.fillStyle = theme.text
  draw.fillText(last, right, PLOT.top + 9)
  const to = right - draw.measureText(last).width - 5, from = to - 70
  draw.fillText(first, from - 5, PLOT.top + 9)
  const ramp = draw.createLinearGradient(from, 0, to, 0)
  theme.near_to_far.forEach((colour, i, all) => ramp.addColorStop(i / (all.length - 1), colour))
  draw.fillStyle = ramp
  draw.fillRect(from, PLOT.top + 4, to - from, 10)
  draw.font = `12px ${theme.font}`
}
