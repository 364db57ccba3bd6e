// Zoom and pan: the step axis shows a window of the run, positions a window of the plane. The wheel zooms about the pointer, a
// drag pans, a double click shows everything again.

const LEAST_WINDOW = 1e-4, PER_WHEEL = 0.0022
const PLOT = { left: 52, right: 10, top: 8, bottom: 34 }

// Show another part of the step axis, in shares of the whole; its width stays inside the run.
function showWindow(scrubber, from, width) {
  const wide = Math.min(1, Math.max(LEAST_WINDOW, width)), first = Math.min(Math.max(from, 0), 1 - wide)
  scrubber.window = [first, first + wide]
  for (const { zoomButtons } of scrubber.sides) zoomButtons.whole.hidden = wide === 1
  layOut(scrubber)
  repaint(scrubber, "counts")
}

function isZoomed({ window: [from, to] }) {
  return to - from < 1
}

// `place` is that on the screen that keeps still, from 0 to 1.
function zoomSteps(scrubber, place, factor) {
  const [from, to] = scrubber.window, wide = Math.min(1, Math.max(LEAST_WINDOW, (to - from) * factor))
  showWindow(scrubber, from + place * (to - from - wide), wide)
}

function panSteps(scrubber, by) {
  const [from, to] = scrubber.window
  showWindow(scrubber, from + by * (to - from), to - from)
}

// A step outside of the window moves it, so that playback and keys never leave the picture.
function keepInView(scrubber) {
  if (!isZoomed(scrubber)) return
  const place = scrubber.axis.where[scrubber.index]
  if (place < 0 || place > 1) panSteps(scrubber, place - 0.5)
}

function wheelFactor(event) {
  return Math.exp(PER_WHEEL * event.deltaY * (event.deltaMode ? 33 : 1))
}

// Where everything is in view a wheel that would zoom out scrolls the page.
function connectStepZoom({ scrubber, canvases: { counts }, zoomButtons }) {
  const wide = () => counts.clientWidth - LEFT - RIGHT
  counts.addEventListener("wheel", event => {
    if (event.ctrlKey || (event.deltaY >= 0 && !isZoomed(scrubber))) return
    event.preventDefault()
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) panSteps(scrubber, (event.deltaX || event.deltaY) / wide())
    else zoomSteps(scrubber, Math.min(1, Math.max(0, (event.offsetX - LEFT) / wide())), wheelFactor(event))
  }, { passive: false })
  zoomButtons.whole.onclick = counts.ondblclick = () => showWindow(scrubber, 0, 1)
}

// The plane that a picture of positions shows, and the places of its ends on the canvas.
function plane(side, width, height) {
  const { x, y } = side.zoom ?? wholePlane(side, width, height)
  const scale = ([low, high], from, to) => value => from + ((value - low) / (high - low)) * (to - from)
  return { x, y, right: scale(x, PLOT.left, width - PLOT.right), up: scale(y, height - PLOT.bottom, PLOT.top) }
}

// The run's domain, wide enough that no circle is cut. It has a margin of 8 % of its points on either side already.
function wholePlane(side, width, height) {
  const { reel, basis } = side, radius = radiusOf(side, reel.largest ??= reel.population.reduce((most, each) => Math.max(most, each), 1))
  const padded = (domain, pixels) => widened(domain, pixels, radius + 2 - (0.08 / 1.16) * pixels)
  return { x: padded(reel.header[basis].x, width - PLOT.left - PLOT.right), y: padded(reel.header[basis].y, height - PLOT.top - PLOT.bottom) }
}

// A domain with so many more pixels on either side of it.
function widened([low, high], pixels, more) {
  const pad = more > 0 && pixels > 2 * more ? ((high - low) * more) / (pixels - 2 * more) : 0
  return [low - pad, high + pad]
}

function fitToStep(side) {
  const { reel, basis, canvases: { places } } = side, { frame, now } = at(side)
  const [width, height] = [places.clientWidth, places.clientHeight], points = now.vectors.map(vector => place(reel, frame, vector.number, basis)).filter(point => point.every(Number.isFinite))
  if (!points.length) return
  const whole = wholePlane(side, width, height), radius = radiusOf(side, Math.max(...now.vectors.map(vector => vector.population)))
  const fitted = (axis, [low, high], pixels) => {
    const values = points.map(point => point[axis]), ends = [Math.min(...values), Math.max(...values)]
    // One point, or all in a row, has no extent of its own: a hundredth of the whole.
    const spread = Math.max(ends[1] - ends[0], (high - low) / 100), middle = (ends[0] + ends[1]) / 2
    return widened([middle - spread / 2, middle + spread / 2], pixels, radius + 4)
  }
  showPlane(side, { x: fitted(0, whole.x, width - PLOT.left - PLOT.right), y: fitted(1, whole.y, height - PLOT.top - PLOT.bottom) })
}

function showPlane(side, zoom) {
  side.zoom = zoom
  side.zoomButtons.unzoom.hidden = !zoom
  repaint(side.scrubber, "places")
}

function connectPlaneZoom(side) {
  const { canvases: { places }, zoomButtons } = side
  const size = () => [places.clientWidth, places.clientHeight], shared = ([low, high], part) => low + part * (high - low)
  places.addEventListener("wheel", event => {
    if (event.ctrlKey || (event.deltaY >= 0 && !side.zoom)) return
    event.preventDefault()
    const [width, height] = size(), now = plane(side, width, height), whole = wholePlane(side, width, height), factor = wheelFactor(event)
    const about = [(event.offsetX - PLOT.left) / (width - PLOT.left - PLOT.right), 1 - (event.offsetY - PLOT.top) / (height - PLOT.top - PLOT.bottom)]
    const zoomed = (ends, part) => [shared(ends, part) - part * factor * (ends[1] - ends[0]), shared(ends, part) + (1 - part) * factor * (ends[1] - ends[0])]
    const [x, y] = [zoomed(now.x, about[0]), zoomed(now.y, about[1])]
    const isWhole = factor > 1 && x[1] - x[0] >= whole.x[1] - whole.x[0] && y[1] - y[0] >= whole.y[1] - whole.y[0]
    showPlane(side, isWhole ? null : { x, y })
  }, { passive: false })
  places.addEventListener("pointerdown", event => {
    side.pan = side.zoom && { zoom: side.zoom, x: event.offsetX, y: event.offsetY }
    side.isPanned = false
  })
  places.addEventListener("pointermove", event => {
    if (!side.pan || !(event.buttons & 1)) return
    const [width, height] = size(), [dx, dy] = [event.offsetX - side.pan.x, event.offsetY - side.pan.y]
    if (!side.isPanned && Math.hypot(dx, dy) < 4) return
    if (!side.isPanned) places.setPointerCapture(event.pointerId)
    side.isPanned = true
    const moved = ([low, high], by) => [low - by * (high - low), high - by * (high - low)]
    showPlane(side, { x: moved(side.pan.zoom.x, dx / (width - PLOT.left - PLOT.right)), y: moved(side.pan.zoom.y, -dy / (height - PLOT.top - PLOT.bottom)) })
  })
  zoomButtons.fit.onclick = () => fitToStep(side)
  zoomButtons.unzoom.onclick = places.ondblclick = () => showPlane(side, null)
}
