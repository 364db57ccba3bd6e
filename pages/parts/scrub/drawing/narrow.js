// On a narrow screen: the story is one line, the pictures are tabs, and the transport keeps to what a thumb needs. The rules are
// in narrow.css; here are the buttons that it shows.

const TABS = { sizes: "Black holes", distances: "Distances", places: "Positions" }

function connectNarrow(scrubber) {
  scrubber.root.classList.toggle("paired", scrubber.sides.length > 1)
  for (const side of scrubber.sides) foldable(side.told.story.parentElement, "the story")
  foldable(scrubber.root.querySelector(".transport .line"), "controls")
  const tabs = document.createElement("div")
  tabs.className = "tabs"
  tabs.setAttribute("role", "group")
  tabs.setAttribute("aria-label", "Picture")
  tabs.append(...Object.entries(TABS).map(([picture, label]) => plainButton(label, () => showTab(scrubber, tabs, picture), picture)))
  scrubber.root.querySelector(".transport").append(tabs)
  showTab(scrubber, tabs, "sizes")
}

function plainButton(label, act, tab = "") {
  const made = document.createElement("button")
  Object.assign(made, { type: "button", textContent: label, onclick: act })
  if (tab) made.dataset.tab = tab
  return made
}

// All pictures keep their size, so that each is drawn and nothing jumps; the others are hidden.
function showTab({ root, sides }, tabs, picture) {
  root.dataset.tab = picture
  for (const tab of tabs.children) tab.setAttribute("aria-pressed", tab.dataset.tab === picture)
  for (const { stages } of sides)
    for (const [name, stage] of Object.entries(stages)) stage.closest("figure").classList.toggle("other", name !== picture)
}

function foldable(part, what) {
  const more = plainButton("", () => set(part.dataset.folded !== "true"))
  more.className = "more"
  const set = folded => {
    part.dataset.folded = folded
    more.textContent = folded ? "more" : "less"
    more.setAttribute("aria-expanded", !folded)
    more.setAttribute("aria-label", `${folded ? "More" : "Less"} of ${what}`)
  }
  part.append(more)
  set(true)
}
