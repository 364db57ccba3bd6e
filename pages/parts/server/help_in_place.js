// "What is this?" opens its lines in place: they are the title of the link, so a link that is opened in another tab, or that has
// none, leads to the entry on the About page as ever.
{
  let asked = null
  const box = document.createElement("div")
  box.popover = "auto"
  box.id = "what-is-this"
  box.setAttribute("role", "dialog")
  box.setAttribute("aria-label", "What is this?")
  const line = text => {
    const [, heading, rest] = /^([^:]{1,60}): (.*)$/.exec(text) ?? [, "", text], made = document.createElement("p")
    made.style.margin = "0 0 0.4rem"
    if (heading) made.append(Object.assign(document.createElement("strong"), { textContent: `${heading}: ` }))
    made.append(rest)
    return made
  }
  const place = link => {
    const { left, top, bottom } = link.getBoundingClientRect(), { offsetWidth, offsetHeight } = box, edge = 8
    const below = bottom + 4, fits = below + offsetHeight + edge <= innerHeight
    box.style.left = `${Math.max(edge, Math.min(left, document.documentElement.clientWidth - offsetWidth - edge))}px`
    box.style.top = `${Math.max(edge, fits ? below : top - offsetHeight - 4)}px`
  }
  const open = link => {
    const entry = Object.assign(document.createElement("a"), { href: link.href, target: "_blank", rel: "noopener", autofocus: true })
    entry.textContent = "Entry on the About page"
    const { color, backgroundColor, font } = getComputedStyle(document.querySelector("[data-testid='stApp']"))
    const frame = { position: "fixed", inset: "auto", margin: 0, maxWidth: "min(26rem, calc(100vw - 16px))", padding: "0.7rem 0.9rem" }
    Object.assign(box.style, frame, { color, backgroundColor, font, fontSize: "14px", lineHeight: 1.5, borderRadius: "6px" })
    Object.assign(box.style, { border: "1px solid color-mix(in srgb, currentColor 25%, transparent)", boxShadow: "0 4px 16px #0004" })
    entry.style = "display: inline-block; line-height: 24px; color: inherit"
    box.replaceChildren(...link.title.split("\n").map(line), entry)
    document.body.append(box)
    box.showPopover()
    place(link)
  }
  addEventListener("click", event => {
    const link = event.composedPath()[0].closest?.("a[href*='about#'][title]")
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    event.stopPropagation()
    asked = link
    open(link)
  }, true)
  // It stays at its link while the page moves, and goes when the link leaves the screen.
  addEventListener("scroll", event => {
    if (!box.matches(":popover-open") || box.contains(event.target)) return
    const { top, bottom } = asked.getBoundingClientRect()
    bottom < 0 || top > innerHeight ? box.hidePopover() : place(asked)
  }, true)
}

// The entry of the address is marked. The browser's own :target is decided before Streamlit has drawn the entry.
{
  const style = document.createElement("style")
  const mark = () => {
    const id = decodeURIComponent(location.hash.slice(1))
    const row = `[class*="st-key-entry-"]:has([id="${CSS.escape(id)}"])`
    const look = "background: light-dark(#FFF3C4, #3A3315); box-shadow: 0 0 0 0.5rem light-dark(#FFF3C4, #3A3315); border-radius: 2px"
    style.textContent = /^[a-z0-9-]+$/.test(id) ? `${row} { ${look} }` : ""
  }
  addEventListener("hashchange", mark)
  addEventListener("DOMContentLoaded", () => { document.head.append(style); mark() })
}
