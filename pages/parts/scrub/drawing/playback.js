// The transport: slider, buttons, keys and playback, all moving one number; when it comes to rest it is written back.

const WRITE_EVERY = 500

// Every side shows its last snapshot recorded at or before the step.
function moveTo(scrubber, index) {
  const clamped = Math.min(Math.max(index, 0), scrubber.last)
  if (clamped === scrubber.index) return
  scrubber.index = clamped
  for (const side of scrubber.sides) side.snapshot = recordedAt(side.reel.step, scrubber.steps[clamped])
  keepInView(scrubber)
  requestFrame(scrubber)
}

// Tell the server the step. While playing at most twice a second; at rest once, after the last of a burst of keys.
function writeBack(scrubber, wait = 0) {
  clearTimeout(scrubber.writing)
  scrubber.writing = setTimeout(() => {
    const step = scrubber.steps[scrubber.index]
    describe(scrubber)
    if (step === scrubber.written && !scrubber.unsaid && scrubber.following === scrubber.followed) return
    scrubber.followed = scrubber.following
    scrubber.written = step
    scrubber.writtenAt = performance.now()
    // While it plays the address stays as it is: a rest is worth a place in the browser's history, a frame is not.
    scrubber.unsaid = scrubber.playing !== 0
    scrubber.set("step", { at: step, playing: scrubber.unsaid, following: scrubber.following, count: ++scrubber.said })
  }, wait)
}

function rest(scrubber, index, wait = 120) {
  pause(scrubber)
  follow(scrubber, false)
  moveTo(scrubber, index)
  writeBack(scrubber, wait)
}

function pause(scrubber) {
  if (!scrubber.playing) return
  cancelAnimationFrame(scrubber.playing)
  scrubber.playing = 0
  scrubber.buttons.play.dataset.state = "paused"
  scrubber.buttons.play.setAttribute("aria-label", "Play")
  writeBack(scrubber)
}

function play(scrubber) {
  follow(scrubber, false)
  const span = () => (scrubber.loop.length === 2 ? scrubber.loop : [0, scrubber.last])
  const [from, to] = span()
  if (scrubber.index >= to || scrubber.index < from) moveTo(scrubber, from)
  let before = performance.now(), step = scrubber.steps[scrubber.index], frames = 0, began = before
  scrubber.buttons.play.dataset.state = "playing"
  scrubber.buttons.play.setAttribute("aria-label", "Pause")
  const advance = now => {
    // Read anew at every frame: a loop may be marked, and a run may grow, while it plays.
    const { steps, last } = scrubber, [from, to] = span()
    const seconds = Math.min(0.25, (now - before) / 1000), [pace, amount] = scrubber.speed.value.split(":")
    before = now
    step = pace === "log" ? Math.expm1(Math.log1p(step) + (Math.LN10 * seconds) / amount) : step + amount * seconds
    // A loop shows its last step too, as long as any other.
    const ended = step >= (scrubber.loop.length < 2 ? steps[to] : to < last ? steps[to + 1] : steps[to] + 1)
    if (ended && scrubber.loop.length === 2) step = steps[from]
    moveTo(scrubber, ended && scrubber.loop.length < 2 ? to : recordedAt(steps, step))
    if (++frames % 15 === 0) scrubber.root.dataset.rate = Math.round((frames * 1000) / (now - began))
    if (ended && scrubber.loop.length < 2) return pause(scrubber)
    if (now - scrubber.writtenAt > WRITE_EVERY) writeBack(scrubber)
    scrubber.playing = requestAnimationFrame(advance)
  }
  scrubber.playing = requestAnimationFrame(advance)
}

// Keep to the newest step of a run that is still recorded, until somebody moves.
function follow(scrubber, on) {
  scrubber.following = on && scrubber.alive
  tellFollowing(scrubber)
}

function tellFollowing(scrubber) {
  scrubber.buttons.follow.hidden = !scrubber.alive
  scrubber.buttons.follow.setAttribute("aria-pressed", scrubber.following)
  scrubber.buttons.follow.textContent = scrubber.following ? `Following step ${whole(scrubber.steps[scrubber.last])}` : "Follow"
}

function toggle(scrubber) {
  scrubber.playing ? pause(scrubber) : play(scrubber)
}

function jumpEvent(scrubber, direction) {
  const stops = [0, ...scrubber.events, scrubber.last]
  const next = direction > 0 ? stops.find(stop => stop > scrubber.index) : stops.findLast(stop => stop < scrubber.index)
  if (next !== undefined) rest(scrubber, next)
}

function markLoop(scrubber) {
  const { loop, index } = scrubber
  showLoop(scrubber, loop.length === 2 ? [] : loop.length === 1 && index <= loop[0] ? [index] : [...loop, index])
  if (scrubber.loop.length !== 1) sendRange(scrubber)
}

function showLoop(scrubber, loop) {
  const steps = loop.map(index => whole(scrubber.steps[index]))
  scrubber.loop = loop
  scrubber.buttons.loop.textContent = ["Loop from here", `Loop ${steps[0]} to here`, `End loop ${steps.join("–")}`][steps.length]
  repaint(scrubber, "counts")
}

// The loop is the range of the address, of tables over steps and of exports.
function sendRange(scrubber) {
  scrubber.set("range", scrubber.loop.map(index => scrubber.steps[index]))
}

const KEYS = {
  ArrowLeft: scrubber => rest(scrubber, scrubber.index - 1),
  ArrowRight: scrubber => rest(scrubber, scrubber.index + 1),
  "Shift+ArrowLeft": scrubber => rest(scrubber, scrubber.index - 10),
  "Shift+ArrowRight": scrubber => rest(scrubber, scrubber.index + 10),
  "[": scrubber => jumpEvent(scrubber, -1),
  "]": scrubber => jumpEvent(scrubber, 1),
  " ": toggle,
  Home: scrubber => rest(scrubber, 0),
  End: scrubber => rest(scrubber, scrubber.last),
  "+": scrubber => zoomSteps(scrubber, scrubber.axis.where[scrubber.index], 0.5),
  "-": scrubber => zoomSteps(scrubber, scrubber.axis.where[scrubber.index], 2),
  0: scrubber => showWindow(scrubber, 0, 1),
  b: openBookmarkField,
  "?": scrubber => scrubber.keys.showModal(),
  Escape: scrubber => choose(scrubber.sides[0], null, false),
}
// Where a key already means something: typing, choosing, pressing, the tables' cells.
const OWN_KEYS = "input:not([type=range]),textarea,select,[contenteditable=true],[role=radio],[role=radiogroup],[role=tab],[role=slider],[role=combobox],[role=listbox],[role=menu],[role=grid],[role=dialog],dialog,.stDataFrame,summary"

function connectKeys(scrubber) {
  scrubber.onKey = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const path = event.composedPath().filter(node => node instanceof Element)
    if (path.some(node => node.matches(OWN_KEYS)) || !scrubber.root.isConnected) return
    if (event.key === " " && path.some(node => node.matches("button,a"))) return
    const arrow = event.key.startsWith("Arrow") && event.shiftKey
    const act = KEYS[arrow ? `Shift+${event.key}` : event.key]
    if (!act) return
    event.preventDefault()
    act(scrubber)
  }
  document.addEventListener("keydown", scrubber.onKey)
}

function connectTransport(scrubber) {
  const { slider, entry, buttons } = scrubber
  slider.oninput = () => {
    if (scrubber.playing) pause(scrubber)
    follow(scrubber, false)
    moveTo(scrubber, nearest(scrubber.axis.where, Number(slider.value)))
  }
  slider.onchange = () => writeBack(scrubber)
  entry.onchange = () => {
    const step = Number(entry.value)
    if (entry.value.trim() && Number.isFinite(step)) rest(scrubber, nearestStep(scrubber.steps, step), 0)
    const found = scrubber.steps[scrubber.index]
    say(scrubber, entry.value.trim() && found !== step ? `${whole(step)} is not recorded; nearest ${whole(found)}` : "")
    entry.value = scrubber.steps[scrubber.index]
  }
  buttons.play.onclick = () => toggle(scrubber)
  buttons.first.onclick = () => rest(scrubber, 0)
  buttons.last.onclick = () => rest(scrubber, scrubber.last)
  buttons.back.onclick = () => rest(scrubber, scrubber.index - 1)
  buttons.next.onclick = () => rest(scrubber, scrubber.index + 1)
  buttons.loop.onclick = () => markLoop(scrubber)
  buttons.follow.onclick = () => {
    pause(scrubber)
    follow(scrubber, !scrubber.following)
    if (scrubber.following) moveTo(scrubber, scrubber.last)
    writeBack(scrubber)
  }
  buttons.help.onclick = () => scrubber.keys.showModal()
}

// The counts of any side move all of them.
function connectDragging(side) {
  const { scrubber, canvases: { counts } } = side
  const place = event => (event.offsetX - LEFT) / (counts.clientWidth - LEFT - RIGHT), at = event => nearest(scrubber.axis.where, Math.min(1, Math.max(0, place(event))))
  let begun = 0
  const scrub = { move: event => moveTo(scrubber, at(event)), end: () => writeBack(scrubber) }
  const brush = {
    move: event => showLoop(scrubber, at(event) === begun ? [] : [begun, at(event)].sort((a, b) => a - b)),
    end: () => sendRange(scrubber),
  }
  const pan = { move: event => (panSteps(scrubber, begun - place(event)), (begun = place(event))), end: () => {} }
  let drag = null
  counts.onpointerdown = event => {
    if (event.button) return
    pause(scrubber)
    counts.setPointerCapture(event.pointerId)
    // On the axis below the lines a drag moves the window, if there is more than it shows.
    drag = event.shiftKey ? brush : isZoomed(scrubber) && event.offsetY > side.countsBottom && event.offsetY < side.countsBottom + GAP ? pan : scrub
    begun = drag === brush ? at(event) : place(event)
    if (drag === scrub) follow(scrubber, false)
    drag.move(event)
  }
  counts.addEventListener("pointermove", event => drag && event.buttons & 1 && drag.move(event))
  counts.onpointerup = counts.onpointercancel = () => {
    drag?.end()
    drag = null
  }
}
