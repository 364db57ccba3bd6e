// One scrubber per place on the page, with one side for each run. Streamlit calls the last function again whenever the blob or
// the theme changes.

const SCRUBBERS = new WeakMap()

function named(nodes, attribute) {
  return Object.fromEntries(nodes.flatMap(node => [...node.querySelectorAll(`[data-${attribute}]`)]).map(node => [node.dataset[attribute], node]))
}

function build(parent, count) {
  const root = parent.querySelector(".scrubber"), find = query => root.querySelector(query), rows = [...root.querySelectorAll(".row")]
  root.style.setProperty("--sides", count)
  for (const row of rows) for (let i = 1; i < count; i++) row.append(row.firstElementChild.cloneNode(true))
  const scrubber = {
    root, buttons: named([root], "button"), slider: find(".slider"), entry: find(".entry"), search: find(".search"), remark: find(".remark"), speed: find(".speed"), axisPicker: find(".axis"), tip: find(".tip"), keys: find(".keys"), voice: find(".voice"),
    focus: null, following: false, loop: [], chosen: null, chosenHole: false, window: [0, 1], stale: new Set(), playing: 0, writtenAt: 0, index: 0, drawn: 0, said: 0,
  }
  scrubber.sides = Array.from({ length: count }, (_, i) => buildSide(scrubber, rows.map(row => row.children[i])))
  connectTransport(scrubber)
  connectKeys(scrubber)
  connectSearch(scrubber)
  connectColours(scrubber)
  connectBookmarks(scrubber)
  connectNarrow(scrubber)
  scrubber.axisPicker.onchange = () => {
    showWindow(scrubber, 0, 1)
    scrubber.set("axis", scrubber.axisPicker.value)
  }
  scrubber.sized = new ResizeObserver(() => repaint(scrubber))
  scrubber.sized.observe(root)
  return scrubber
}

function buildSide(scrubber, cells) {
  const side = { scrubber, cells, canvases: named(cells, "picture"), told: named(cells, "told"), stages: named(cells, "stage"), rings: named(cells, "ring"), about: named(cells, "about"), files: named(cells, "file"), cursor: cells[0].querySelector("i.cursor"), chips: [], drawn: {}, zoom: null, hits: { sizes: [], places: [], distances: null }, chosen: null, snapshot: 0 }
  const { watch, ...zoomButtons } = named(cells, "button"), basis = cells[1].querySelector(".basis")
  Object.assign(side, { watch, zoomButtons, basisPicker: basis, colourPicker: cells[1].querySelector(".colour") })
  connectPointer(side)
  connectDragging(side)
  connectStepZoom(side)
  connectPlaneZoom(side)
  watch.onclick = () => {
    pause(scrubber)
    moveTo(scrubber, 0)
    play(scrubber)
  }
  basis.onchange = () => {
    side.basis = basis.value
    showPlane(side, null)
    // Of two runs each has a choice of its own, which no address names.
    if (scrubber.sides.length === 1) scrubber.set("basis", basis.value)
  }
  return side
}

// Steps of one side or the other, the events among them, and scales that hold all sides.
function unite(scrubber, reels) {
  const steps = Int32Array.from(new Set(reels.flatMap(reel => [...reel.step]))).sort()
  const events = [...new Set(reels.flatMap(reel => [...reel.event].map(snapshot => recordedAt(steps, reel.step[snapshot]))))].sort((a, b) => a - b)
  const most = of => Math.max(...reels.map(of))
  const shades = [0, 1].map(end => most(reel => reel.header.shades[end]))
  const scale = { last: most(reel => reel.header.last_step), tokens: most(reel => reel.tokens), names: most(reel => reel.names), lost: reels.some(reel => reel.lost.length), strip: reels.some(reel => reel.loss.length || reel.header.alive), shades }
  Object.assign(scrubber, { steps, events, scale, last: steps.length - 1, alive: reels[0].header.alive })
}

function layOut(scrubber) {
  scrubber.axis = makeAxis(scrubber, scrubber.axisPicker.value)
  for (const side of scrubber.sides) side.where = Float64Array.from(side.reel.step, scrubber.axis.of)
}

function load(scrubber, reels) {
  const { sides } = scrubber, { header } = reels[0], same = sides.every((side, i) => side.reel?.header.run === reels[i].header.run)
  const kept = same ? scrubber.steps[scrubber.index] : null
  const isRegrouped = !same || sides[0].reel.header.group !== header.group
  unite(scrubber, reels)
  sides.forEach((side, i) => loadSide(side, reels[i]))
  sides.forEach(tellLegends)
  const wanted = header.basis ?? "about"
  if (isRegrouped || (wanted !== scrubber.basisSent && wanted !== sides[0].basis)) {
    for (const side of sides) {
      side.basis = side.basisPicker.value = wanted
      showPlane(side, null)
    }
  }
  scrubber.basisSent = wanted
  if (isRegrouped || header.range.join() !== scrubber.range) showLoop(scrubber, header.range.map(step => recordedAt(scrubber.steps, step)))
  scrubber.range = header.range.join()
  if (header.axis !== scrubber.axisSent) scrubber.axisPicker.value = scrubber.axisSent = header.axis
  showWindow(scrubber, ...(same ? [scrubber.window[0], scrubber.window[1] - scrubber.window[0]] : [0, 1]))
  // The address moved the step (a link, the browser's back): follow it. Our own words coming back change nothing.
  const stale = header.heard < scrubber.said || scrubber.playing
  const step = kept !== null && (stale || header.step === scrubber.written) ? kept : header.step
  if (!same) scrubber.following = header.follow
  const follows = scrubber.following && !scrubber.playing
  scrubber.index = -1
  moveTo(scrubber, follows ? scrubber.last : recordedAt(scrubber.steps, step))
  if (!stale || !same) scrubber.written = header.step
  const [, kind, id] = /^([th])(\d+)$/.exec(header.select) ?? []
  mark(scrubber, id === undefined ? null : Number(id), kind === "h")
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  if (!same) scrubber.speed.value = calm ? "step:2" : scrubber.scale.last > 500 ? "log:4" : "step:10"
  scrubber.entry.max = scrubber.scale.last
  if (!scrubber.alive) scrubber.following = false // a run that has ended is followed to its end, once
  tellFollowing(scrubber)
  describe(scrubber)
  if (!same) scrubber.followed = scrubber.following
  if (follows && scrubber.steps[scrubber.last] !== header.step) writeBack(scrubber)
}

function loadSide(side, reel) {
  const { header } = reel, { told, cells } = side
  Object.assign(side, { reel, shades: shader(reel, side.scrubber), image: null })
  told.story.textContent = header.story
  told.story.parentElement.hidden = !header.story
  side.watch.hidden = reel.last === 0
  told.sent.textContent = header.sent_told
  for (const picture of Object.keys(side.canvases)) told[picture].textContent = header.told[picture]
  for (const [picture, link] of Object.entries(side.about)) Object.assign(link, header.explained[picture])
  for (const [picture, link] of Object.entries(side.files)) {
    const name = () => { link.href = `${header.files[picture]}&step=${reel.step[side.snapshot]}` }
    link.onpointerenter = link.onfocus = link.onclick = name
    name()
  }
  tellLines(side)
  tellEvents(side)
  side.colourPicker.value = header.colour || "hole"
  side.colourPicker.hidden = Boolean(header.name)
  if (header.name) cells.forEach(cell => nameCell(cell, header.name))
}

// Of two runs every part says whose it is.
function nameCell(cell, name) {
  cell.setAttribute("role", "group")
  cell.setAttribute("aria-label", name)
  cell.querySelector(".who").hidden = false
  cell.querySelector(".who strong").textContent = name
  for (const node of cell.querySelectorAll("[aria-label]:not(canvas)")) node.setAttribute("aria-label", `${name}: ${(node.dataset.label ??= node.getAttribute("aria-label"))}`)
}

const PICTURES = ["counts", "sizes", "distances", "places"]

// Draw pictures anew in the next frame, without a name all of them; where only the step has changed, `requestFrame` is enough.
function repaint(scrubber, ...pictures) {
  for (const picture of pictures.length ? pictures : PICTURES) scrubber.stale.add(picture)
  requestFrame(scrubber)
}

function requestFrame(scrubber) {
  scrubber.asked ||= requestAnimationFrame(() => {
    scrubber.asked = 0
    const { root, sides } = scrubber, { counts } = sides[0].canvases
    // Without a size (the page is being laid out anew) there is nothing to draw on: the observer calls again.
    if (!root.isConnected || !counts.clientWidth || !counts.clientHeight) return
    const began = performance.now()
    for (const side of sides) drawSide(side, scrubber.stale)
    scrubber.stale.clear()
    drawFlags(scrubber)
    tellStep(scrubber)
    drawRing(scrubber)
    root.dataset.drawn = ++scrubber.drawn
    root.dataset.cost = (performance.now() - began).toFixed(1)
  })
}

// Many steps have the frame, or the vectors, of the step before: their pictures stay.
function drawSide(side, stale) {
  const { frame, now } = at(side), { drawn } = side
  if (stale.has("counts")) drawCounts(side)
  if (stale.has("sizes") || now !== drawn.now) drawSizes(side)
  if (stale.has("distances") || frame !== drawn.frame) drawDistances(side)
  if (stale.has("places") || frame !== drawn.frame) drawPlaces(side)
  side.drawn = { frame, now }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  let scrubber = SCRUBBERS.get(parentElement)
  const reels = scrubber?.bytes === data ? null : openReels(data instanceof Uint8Array ? data : new Uint8Array(data))
  if (!scrubber) SCRUBBERS.set(parentElement, (scrubber = build(parentElement, reels.length)))
  const { palette } = (reels ?? scrubber.sides.map(side => side.reel))[0].header
  Object.assign(scrubber, { set: setStateValue, theme: { ...readTheme(parentElement.host ?? parentElement), ...palette }, bytes: data })
  scrubber.root.style.setProperty("--cursor", palette.cursor)
  if (reels) load(scrubber, reels)
  repaint(scrubber)
  return () => {
    cancelAnimationFrame(scrubber.playing)
    clearTimeout(scrubber.writing)
    scrubber.sized.disconnect()
    document.removeEventListener("keydown", scrubber.onKey)
    document.removeEventListener(EXACT, scrubber.onExact)
    document.removeEventListener(MEASURE, scrubber.onMeasure)
    document.removeEventListener(HANDED, scrubber.onBookmarks)
    SCRUBBERS.delete(parentElement)
  }
}
