// Bookmarks on the time line: a flag for each step that has one, above the slider; a click leads there. They are handed over by a
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

// The flags: made when other bookmarks are handed over, placed when the axis changes, one marked when the step moves.
function drawFlags(scrubber) {
  const { axis, steps, index, sides: [{ reel }] } = scrubber, handed = window.snowballBookmarks
  if (scrubber.handed !== handed || scrubber.flagged !== reel) Object.assign(scrubber, { handed, flagged: reel, flags: makeFlags(scrubber, handed), placed: null })
  if (scrubber.placed !== axis) {
    scrubber.placed = axis
    for (const { flag, step } of scrubber.flags) {
      flag.hidden = axis.of(step) < 0 || axis.of(step) > 1
      flag.style.left = `calc(${LEFT}px + ${axis.of(step)} * (100% - ${LEFT + RIGHT}px))`
    }
  }
  for (const { flag, step } of scrubber.flags) flag.toggleAttribute("aria-current", step === steps[index])
}

function makeFlags(scrubber, handed) {
  const bookmarks = handed?.run === scrubber.sides[0].reel.header.run ? handed.bookmarks.filter(({ step }) => step <= scrubber.scale.last) : []
  const made = [...new Set(bookmarks.map(({ step }) => step))].map(step => {
    const here = bookmarks.filter(bookmark => bookmark.step === step), lines = [`bookmark, step ${whole(step)}`, ...here.map(({ text }) => text)]
    const flag = Object.assign(document.createElement("button"), { type: "button", className: "flag" })
    flag.setAttribute("aria-label", lines.join(". "))
    flag.onclick = () => goToBookmark(scrubber, here[0])
    flag.onpointerenter = event => showTip(scrubber, lines, event.clientX, event.clientY)
    flag.onpointerleave = () => (scrubber.tip.hidden = true)
    return { flag, step }
  })
  const row = scrubber.root.querySelector(".flags")
  row.replaceChildren(...made.map(({ flag }) => flag))
  row.hidden = !made.length
  return made
}

// The field is outside of the scrubber, under the pictures; where there is none, as beside another run, nothing happens.
function openBookmarkField(scrubber) {
  pause(scrubber)
  document.querySelector(".st-key-bookmark-field input")?.focus()
}
