// The transport: slider, buttons, keys and playback, all moving one number; when it comes to rest it is written back.

const WRITE_EVERY = 500

function moveTo(self, snapshot) {
  const clamped = Math.min(Math.max(snapshot, 0), self.reel.last)
  if (clamped === self.snapshot) return
  self.snapshot = clamped
  repaint(self)
}

// Tell the server the step. While playing at most twice a second; at rest once, after the last of a burst of keys.
function writeBack(self, wait = 0) {
  clearTimeout(self.writing)
  self.writing = setTimeout(() => {
    const step = self.reel.step[self.snapshot]
    describe(self)
    if (step === self.written && !self.unsaid && self.following === self.followed) return
    self.followed = self.following
    self.written = step
    self.writtenAt = performance.now()
    // While it plays the address stays as it is: a rest is worth a place in the browser's history, a frame is not.
    self.unsaid = self.playing !== 0
    self.set("step", { at: step, playing: self.unsaid, following: self.following, count: ++self.said })
  }, wait)
}

function rest(self, snapshot, wait = 120) {
  pause(self)
  follow(self, false)
  moveTo(self, snapshot)
  writeBack(self, wait)
}

function pause(self) {
  if (!self.playing) return
  cancelAnimationFrame(self.playing)
  self.playing = 0
  self.buttons.play.dataset.state = "paused"
  self.buttons.play.setAttribute("aria-label", "Play")
  writeBack(self)
}

function play(self) {
  follow(self, false)
  const span = () => (self.loop.length === 2 ? self.loop : [0, self.reel.last])
  const [from, to] = span()
  if (self.snapshot >= to || self.snapshot < from) moveTo(self, from)
  let before = performance.now(), step = self.reel.step[self.snapshot], frames = 0, began = before
  self.buttons.play.dataset.state = "playing"
  self.buttons.play.setAttribute("aria-label", "Pause")
  const advance = now => {
    // Read anew at every frame: a loop may be marked, and a run may grow, while it plays.
    const { reel } = self, [from, to] = span()
    const seconds = Math.min(0.25, (now - before) / 1000), [pace, amount] = self.speed.value.split(":")
    before = now
    step = pace === "log" ? Math.expm1(Math.log1p(step) + (Math.LN10 * seconds) / amount) : step + amount * seconds
    // A loop shows its last step too, as long as any other.
    const ended = step >= (self.loop.length < 2 ? reel.step[to] : to < reel.last ? reel.step[to + 1] : reel.step[to] + 1)
    if (ended && self.loop.length === 2) step = reel.step[from]
    moveTo(self, ended && self.loop.length < 2 ? to : recordedAt(reel, step))
    if (++frames % 15 === 0) self.root.dataset.rate = Math.round((frames * 1000) / (now - began))
    if (ended && self.loop.length < 2) return pause(self)
    if (now - self.writtenAt > WRITE_EVERY) writeBack(self)
    self.playing = requestAnimationFrame(advance)
  }
  self.playing = requestAnimationFrame(advance)
}

// Keep to the newest step of a run that is still recorded, until somebody moves.
function follow(self, on) {
  self.following = on && self.reel.header.alive
  tellFollowing(self)
}

function tellFollowing(self) {
  self.buttons.follow.hidden = !self.reel.header.alive
  self.buttons.follow.setAttribute("aria-pressed", self.following)
}

function toggle(self) {
  self.playing ? pause(self) : play(self)
}

function jumpEvent(self, direction) {
  const stops = [0, ...self.reel.event, self.reel.last]
  const next = direction > 0 ? stops.find(stop => stop > self.snapshot) : stops.findLast(stop => stop < self.snapshot)
  if (next !== undefined) rest(self, next)
}

function markLoop(self) {
  if (self.loop.length === 2) self.loop = []
  else if (self.loop.length === 1 && self.snapshot <= self.loop[0]) self.loop = [self.snapshot]
  else self.loop = [...self.loop, self.snapshot]
  const steps = self.loop.map(snapshot => whole(self.reel.step[snapshot]))
  self.buttons.loop.textContent = ["Loop from here", `Loop ${steps[0]} to here`, `End loop ${steps.join("–")}`][steps.length]
  repaint(self)
}

const KEYS = {
  ArrowLeft: self => rest(self, self.snapshot - 1),
  ArrowRight: self => rest(self, self.snapshot + 1),
  "Shift+ArrowLeft": self => rest(self, self.snapshot - 10),
  "Shift+ArrowRight": self => rest(self, self.snapshot + 10),
  "[": self => jumpEvent(self, -1),
  "]": self => jumpEvent(self, 1),
  " ": toggle,
  Home: self => rest(self, 0),
  End: self => rest(self, self.reel.last),
  "?": self => self.keys.showModal(),
  Escape: self => choose(self, null, false),
}
// Where a key already means something: typing, choosing, pressing, the tables' cells.
const OWN_KEYS = "input:not([type=range]),textarea,select,[contenteditable=true],[role=radio],[role=radiogroup],[role=tab],[role=slider],[role=combobox],[role=listbox],[role=menu],[role=grid],[role=dialog],dialog,.stDataFrame,summary"

function connectKeys(self) {
  self.onKey = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const path = event.composedPath().filter(node => node instanceof Element)
    if (path.some(node => node.matches(OWN_KEYS)) || !self.root.isConnected) return
    if (event.key === " " && path.some(node => node.matches("button,a"))) return
    const arrow = event.key.startsWith("Arrow") && event.shiftKey
    const act = KEYS[arrow ? `Shift+${event.key}` : event.key]
    if (!act) return
    event.preventDefault()
    act(self)
  }
  document.addEventListener("keydown", self.onKey)
}

function connectTransport(self) {
  const { slider, entry, buttons, canvases: { counts } } = self
  slider.oninput = () => {
    if (self.playing) pause(self)
    follow(self, false)
    moveTo(self, nearest(self.axis.where, Number(slider.value)))
  }
  slider.onchange = () => writeBack(self)
  const drag = event => moveTo(self, nearest(self.axis.where, (event.offsetX - LEFT) / (counts.clientWidth - LEFT - RIGHT)))
  counts.onpointerdown = event => {
    pause(self)
    follow(self, false)
    counts.setPointerCapture(event.pointerId)
    drag(event)
  }
  counts.addEventListener("pointermove", event => event.buttons & 1 && drag(event))
  counts.onpointerup = () => writeBack(self)
  entry.onchange = () => {
    const step = Number(entry.value)
    if (entry.value.trim() && Number.isFinite(step)) rest(self, recordedAt(self.reel, step), 0)
    entry.value = self.reel.step[self.snapshot]
  }
  buttons.play.onclick = () => toggle(self)
  buttons.first.onclick = () => rest(self, 0)
  buttons.last.onclick = () => rest(self, self.reel.last)
  buttons.back.onclick = () => rest(self, self.snapshot - 1)
  buttons.next.onclick = () => rest(self, self.snapshot + 1)
  buttons.loop.onclick = () => markLoop(self)
  buttons.follow.onclick = () => {
    pause(self)
    follow(self, !self.following)
    if (self.following) moveTo(self, self.reel.last)
    writeBack(self)
  }
  buttons.help.onclick = () => self.keys.showModal()
  buttons.watch.onclick = () => {
    pause(self)
    moveTo(self, 0)
    play(self)
  }
}
