// One scrubber per place on the page. Streamlit calls the last function again whenever the blob or the theme changes.

const SCRUBBERS = new WeakMap()
let serial = 0

function build(parent) {
  const find = query => parent.querySelector(query)
  const named = attribute => Object.fromEntries([...parent.querySelectorAll(`[data-${attribute}]`)].map(node => [node.dataset[attribute], node]))
  const self = {
    root: find(".scrubber"), canvases: named("picture"), buttons: named("button"), told: named("told"), slider: find(".slider"),
    entry: find(".entry"), speed: find(".speed"), axisPicker: find(".axis"), basisPicker: find(".basis"), tip: find(".tip"),
    keys: find(".keys"), voice: find(".voice"), story: find(".story"), stages: named("stage"), rings: named("ring"), about: named("about"), chips: [], finger: null, following: false, hits: { sizes: [], places: [], distances: null }, loop: [],
    chosen: null, chosenHole: false, playing: 0, writtenAt: 0, snapshot: 0, drawn: 0, said: 0,
  }
  connectTransport(self)
  connectPointer(self)
  connectKeys(self)
  self.axisPicker.onchange = () => {
    self.axis = makeAxis(self.reel, self.axisPicker.value)
    self.set("axis", self.axisPicker.value)
    repaint(self)
  }
  self.basisPicker.onchange = () => {
    self.basis = self.basisPicker.value
    repaint(self)
  }
  self.sized = new ResizeObserver(() => repaint(self))
  self.sized.observe(self.root)
  return self
}

function load(self, bytes) {
  const before = self.reel, reel = openReel(bytes), { header } = reel
  const same = before && before.header.run === header.run
  const kept = same ? before.step[self.snapshot] : null
  Object.assign(self, { reel, bytes, serial: ++serial, shades: shader(reel), image: null })
  if (!same || before.header.group !== header.group) {
    self.basis = self.basisPicker.value = header.basis
    self.loop = []
    self.buttons.loop.textContent = "Loop from here"
  }
  self.axis = makeAxis(reel, same ? self.axisPicker.value : (self.axisPicker.value = header.axis))
  // The address moved the step (a link, the browser's back): follow it. Our own words coming back change nothing.
  const stale = header.heard < self.said || self.playing
  const step = kept !== null && (stale || header.step === self.written) ? kept : header.step
  if (!same) self.following = header.follow
  const follows = self.following && !self.playing
  self.snapshot = follows ? reel.last : recordedAt(reel, step)
  if (!stale || !same) self.written = header.step
  const [, mark, id] = /^([th])(\d+)$/.exec(header.select) ?? []
  const token = header.ids.indexOf(Number(id ?? -1))
  Object.assign(self, { chosen: token < 0 ? null : token, chosenHole: mark === "h" })
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  if (!same) self.speed.value = calm ? "step:2" : header.last_step > 500 ? "log:4" : "step:10"
  self.story.hidden = !header.story
  self.buttons.watch.hidden = reel.last === 0
  self.told.story.textContent = header.story
  self.told.sent.textContent = header.sent_told
  for (const picture of ["counts", "sizes", "distances", "places"]) self.told[picture].textContent = header.told[picture]
  for (const [picture, link] of Object.entries(self.about)) link.href = header.explained[picture]
  self.entry.max = header.last_step
  tellEvents(self)
  if (!header.alive) self.following = false // a run that has ended is followed to its end, once
  tellFollowing(self)
  describe(self)
  if (!same) self.followed = self.following
  if (follows && reel.step[reel.last] !== header.step) writeBack(self)
}

function repaint(self) {
  if (self.asked) return
  self.asked = requestAnimationFrame(() => {
    self.asked = 0
    // Without a size (the page is being laid out anew) there is nothing to draw on: the observer calls again.
    if (!self.reel || !self.root.isConnected || !self.canvases.counts.clientWidth || !self.canvases.counts.clientHeight) return
    const began = performance.now()
    for (const draw of [drawCounts, drawSizes, drawDistances, drawPlaces]) draw(self)
    tellNumbers(self)
    point(self)
    self.root.dataset.drawn = ++self.drawn
    self.root.dataset.cost = (performance.now() - began).toFixed(1)
  })
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  let self = SCRUBBERS.get(parentElement)
  if (!self) SCRUBBERS.set(parentElement, (self = build(parentElement)))
  self.set = setStateValue
  self.theme = readTheme(parentElement.host ?? parentElement)
  self.backdropKey = null
  if (data && data !== self.bytes) load(self, data instanceof Uint8Array ? data : new Uint8Array(data))
  self.bytes = data
  repaint(self)
  return () => {
    cancelAnimationFrame(self.playing)
    clearTimeout(self.writing)
    self.sized.disconnect()
    document.removeEventListener("keydown", self.onKey)
    SCRUBBERS.delete(parentElement)
  }
}
