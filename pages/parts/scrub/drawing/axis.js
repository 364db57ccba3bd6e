// Where a step lies on the shared x axis, colours of the theme around, and canvases as sharp as the screen.

// The axis of all sides: `where` places every step recorded by one of them, from 0 to 1 in the window that is shown.
function makeAxis({ steps, events, scale, window: [from, to] }, kind) {
  const last = Math.max(1, scale.last)
  const stops = [0, ...events.map(index => steps[index]).filter(step => step > 0 && step < last), last]
  const byEvent = step => {
    let low = 0, high = stops.length - 1
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (stops[middle] <= step) low = middle
      else high = middle
    }
    return (low + (step - stops[low]) / Math.max(1, stops[high] - stops[low])) / (stops.length - 1)
  }
  const whole = { linear: step => step / last, symlog: step => Math.log1p(step) / Math.log1p(last), events: byEvent }[kind]
  const of = step => (whole(step) - from) / (to - from), where = Float64Array.from(steps, of)
  const inside = ticks => ticks.filter(tick => of(tick) >= -1e-9 && of(tick) <= 1 + 1e-9), usual = inside(ticksOf(kind, last, stops))
  return { kind, of, where, ticks: usual.length > 3 || to - from === 1 ? usual : inside(ticksBetween(steps[nearest(where, 0)], steps[nearest(where, 1)])) }
}

function ticksOf(kind, last, stops) {
  if (kind === "events") return stops
  if (kind === "linear") return wholeTicks(last, 10)
  const ticks = [0]
  for (let power = 1; power <= last; power *= 10) for (const factor of [1, 2, 5]) if (factor * power <= last) ticks.push(factor * power)
  return ticks
}

// Round whole numbers between two steps that are close together.
function ticksBetween(first, last) {
  const stride = wholeTicks(Math.max(5, last - first), 8)[1], begin = Math.floor(first / stride)
  return Array.from({ length: Math.floor(last / stride) - begin + 1 }, (_, i) => (begin + i) * stride)
}

// Round whole numbers from 0 to at most the last, at most so many steps apart.
function wholeTicks(last, most = 5) {
  const stride = Math.max(1, 10 ** Math.floor(Math.log10(last / most)))
  const step = [1, 2, 5, 10].map(factor => factor * stride).find(width => last / width <= most)
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step)
}

// The snapshot whose place on the axis is nearest.
function nearest(where, part) {
  let low = 0, high = where.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (where[middle] < part) low = middle + 1
    else high = middle
  }
  return low > 0 && part - where[low - 1] < where[low] - part ? low - 1 : low
}

// The place of the last recorded step at or before a step.
function recordedAt(steps, step) {
  let low = 0, high = steps.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (steps[middle] <= step) low = middle
    else high = middle - 1
  }
  return low
}

// The place of the recorded step nearest to a step, of two the earlier.
function nearestStep(steps, step) {
  const before = recordedAt(steps, step), after = Math.min(before + 1, steps.length - 1)
  return Math.abs(steps[after] - step) < Math.abs(steps[before] - step) ? after : before
}

function readTheme(host) {
  const style = getComputedStyle(host)
  const read = variable => style.getPropertyValue(variable).trim()
  const holes = read("--st-chart-categorical-colors").split(",").map(colour => colour.trim())
  const text = read("--st-text-color") || "#1B2430"
  const dark = luminance(text) > 0.5
  return { text, dark, back: read("--st-background-color") || "#fff", rule: read("--st-border-color") || "#D5DBE1", font: read("--st-font") || "sans-serif", holes, faint: dark ? "#A7B1BB" : "#5B6670" }
}

function luminance(colour) {
  const channels = colour.startsWith("#") ? channelsOf(colour) : (colour.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map(Number)
  return (0.3 * channels[0] + 0.59 * channels[1] + 0.11 * channels[2]) / 255
}

function slotColour(theme, slot) {
  if (slot < 0) return theme.alone
  return slot < theme.holes.length ? theme.holes[slot] : theme.greys[(slot - theme.holes.length) % theme.greys.length]
}

function channelsOf(colour) {
  return [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16))
}

// The channels of a colour mixed with another.
function blend(colour, other, share) {
  const [a, b] = [channelsOf(colour), channelsOf(other)]
  return a.map((channel, i) => Math.round(channel + (b[i] - channel) * share))
}

// Never so light or so dark that a class is lost in the page around.
function classColour(colour, place, dark) {
  const most = place % 2 === (dark ? 1 : 0) ? 0.7 : 0.5
  return place === 0 ? colour : `rgb(${blend(colour, place % 2 ? "#ffffff" : "#000000", Math.min(most, 0.28 + 0.14 * Math.ceil(place / 2)))})`
}

// The canvas of a picture in CSS pixels, cleared; its backing store follows its size and the screen's density.
function pen(side, picture) {
  const canvas = side.canvases[picture], density = window.devicePixelRatio || 1
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const [w, h] = [Math.round(width * density), Math.round(height * density)]
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h })
  const draw = canvas.getContext("2d")
  draw.setTransform(density, 0, 0, density, 0, 0)
  draw.clearRect(0, 0, width, height)
  draw.font = `12px ${side.scrubber.theme.font}`
  draw.textBaseline = "middle"
  return { draw, width, height }
}
