// One entry of the browser's history a page: Streamlit makes one whenever the server writes the address. Here a new entry needs
// another page that somebody went to; everything else replaces the entry that is shown.
(() => {
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history)
  const shared = ["run", "step", "group", "unit", "select", "axis"]
  let left = null  // the address at the last click or key, until it led to another page
  for (const kind of ["click", "keydown"]) addEventListener(kind, () => { left = location.href }, true)
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? location.href, location.href)
    const isAnotherPage = to.pathname !== location.pathname
    if (!isAnotherPage || left === null) return replace(state, title, url)
    replace(history.state, "", left)  // the query of the page to come is written a moment before its path
    left = null
    return push(state, title, url)
  }
  // A link of the navigation that is copied or opened in another tab leads to the same run.
  const complete = event => {
    const link = event.target.closest?.("a[data-testid^='stTopNavLink'], a[data-testid='stTopNavDropdownLink'], a[data-testid='stSidebarNavLink']")
    if (!link) return
    const to = new URL(link.href), here = new URLSearchParams(location.search)
    to.search = new URLSearchParams(shared.filter(name => here.has(name)).map(name => [name, here.get(name)])).toString()
    link.href = to.href
  }
  for (const kind of ["pointerdown", "focusin", "contextmenu"]) addEventListener(kind, complete, true)
})()

// Behind a proxy that changes the Host the server would refuse the page's websocket: say so instead of waiting for good. Behind
// one that does not pass on the upgrade to a websocket the page stays empty too: say it above the page, which goes on trying.
{
  const said = document.createElement("p")
  said.setAttribute("role", "alert")
  said.style = "font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 10vh auto; padding: 1rem"
  if (location.origin !== SERVED.served && ![location.host, location.origin].some(name => SERVED.known.includes(name))) {
    said.textContent = SERVED.told.replace("origin.here", location.origin).replace("host.here", location.host)
    addEventListener("DOMContentLoaded", () => document.body.replaceChildren(said))
  } else {
    let hasOpened = false, failures = 0
    said.textContent = SERVED.unconnected
    // Over the grey bars that Streamlit draws while it waits.
    const onTop = { position: "fixed", inset: "0 0 auto", margin: "0 auto", zIndex: 1e6 }
    Object.assign(said.style, onTop, { colorScheme: "light dark", background: "Canvas", color: "CanvasText" })
    window.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given)
        this.addEventListener("open", () => { hasOpened = true; said.remove() })
        this.addEventListener("close", () => { if (!hasOpened && ++failures === 2) document.body.prepend(said) })
      }
    }
  }
}
