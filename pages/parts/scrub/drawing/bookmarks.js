// Bookmarks on the time line: a flag for each step that has one, over the counts; a click leads there. They are handed over by a
// component of their own, so that a new bookmark does not send the frames again.

const HANDED = "snowball-bookmarks"

function connectBookmarks(scrubber) {
  scrubber.onBookmarks = () => {
    const go = window.snowballBookmarks?.go
    if (go && go.number !== scrubber.wentTo) {
      scrubber.wentTo = go.number
      goToBookmark(scrubber, go)
    }
    repaint(scrubber)
  }
  document.addEventListener(HANDED, scrubber.onBookmarks)
}

function goToBookmark(scrubber, { step, select }) {
  const [, kind, id] = /^([th])(\d+)$/.exec(select) ?? []
  if (id !== undefined) {
    mark(scrubber, Number(id), kind === "h")
    scrubber.set("select", select)
  }
  rest(scrubber, recordedAt(scrubber.steps, step), 0)
  repaint(scrubber)
}

// The flags of a side: made when other bookmarks are handed over, placed when the axis changes, one marked when the step moves.
function drawFlags(side) {
  const { scrubber, reel, told: { flags } } = side, handed = window.snowballBookmarks
  if (side.handed !== handed || side.flagged !== reel) Object.assign(side, { handed, flagged: reel, flags: makeFlags(side, handed), placed: null })
  if (side.placed !== scrubber.axis) {
    side.placed = scrubber.axis
    for (const { flag, step } of side.flags) flag.style.left = `calc(${LEFT}px + ${scrubber.axis.of(step)} * (100% - ${LEFT + RIGHT}px))`
  }
  for (const { flag, step } of side.flags) flag.toggleAttribute("aria-current", step === reel.step[side.snapshot])
  flags.hidden = side.flags.length === 0
}

function makeFlags({ scrubber, reel, told: { flags } }, handed) {
  const bookmarks = handed?.run === reel.header.run ? handed.bookmarks.filter(({ step }) => step <= scrubber.scale.last) : []
  const made = [...new Set(bookmarks.map(({ step }) => step))].map(step => {
    const here = bookmarks.filter(bookmark => bookmark.step === step), lines = [`bookmark, step ${whole(step)}`, ...here.map(({ text }) => text)]
    const flag = Object.assign(document.createElement("button"), { type: "button", className: "flag" })
    flag.setAttribute("aria-label", lines.join(". "))
    flag.onclick = () => goToBookmark(scrubber, here[0])
    flag.onpointerenter = event => showTip(scrubber, lines, event.clientX, event.clientY)
    flag.onpointerleave = () => (scrubber.tip.hidden = true)
    return { flag, step }
  })
  flags.replaceChildren(...made.map(({ flag }) => flag))
  return made
}

// The field is outside of the scrubber, under the pictures; where there is none, as beside another run, nothing happens.
function openBookmarkField(scrubber) {
  pause(scrubber)
  document.querySelector(".st-key-bookmark-remark input")?.focus()
}
