// A button beside the menu that copies the address: it always names what is shown.
addEventListener("DOMContentLoaded", () => {
  const paths = {
    "Copy link to this view": "M7 9a3 3 0 0 0 4.4.3l2-2a3 3 0 1 0-4.2-4.2l-1 1M9 7a3 3 0 0 0-4.4-.3l-2 2a3 3 0 1 0 4.2 4.2l1-1",
    "Link copied": "M3 8.5l3.5 3.5L13 4.5",
  }
  const button = Object.assign(document.createElement("button"), { type: "button", id: "copy-link" })
  const look = { position: "fixed", top: "0.7rem", right: "3.2rem", width: "32px", height: "32px", padding: "7px", zIndex: 999991 }
  Object.assign(button.style, look, { border: 0, borderRadius: "6px", background: "none", color: "#7D8894", cursor: "pointer" })
  const say = words => {
    button.title = words
    button.setAttribute("aria-label", words)
    button.innerHTML = `<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"><path d="${paths[words]}"/></svg>`
  }
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href)
    } catch {
      // A browser lets only pages of this machine, and those behind TLS, write to its clipboard.
      prompt("Link to this view", location.href)
      return
    }
    say("Link copied")
    setTimeout(say, 1500, "Copy link to this view")
  }
  say("Copy link to this view")
  document.body.append(button)
})
