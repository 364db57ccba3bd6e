// Selecting a token by its id, its byte or its character, or by a row of a table below; and what the exact view has arrived at.

const EXACT = "snowball-exact", MOST_SUGGESTED = 300

// A token of the group as the search names it.
function tokenLabel(reel, token) {
  const { id, byte, glyph } = name(reel, token)
  return [id, byte.slice(5, 9), glyph].filter(part => part !== "").join(" · ")
}

// The place of the token that a text means, or −1: an id, a byte as 0x41, a character (of a digit in quotes), a suggestion.
function tokenMeant({ header }, text) {
  const trimmed = text.trim(), [, id] = /^(\d+)(?: ·.*)?$/.exec(trimmed) ?? [], [, byte] = /^0x([0-9a-f]+)$/i.exec(trimmed) ?? []
  if (id || byte) return header.ids.indexOf(id ? Number(id) : parseInt(byte, 16))
  const [, quoted] = /^["'](.+)["']$/.exec(trimmed) ?? [], glyph = quoted ?? trimmed, glyphs = header.glyphs ?? []
  const exact = glyphs.indexOf(glyph)
  return exact >= 0 || !glyph ? exact : glyphs.findIndex(each => each.toLowerCase() === glyph.toLowerCase())
}

// A large vocabulary suggests what begins with the text.
function suggest(scrubber) {
  const { reel } = scrubber.sides[0], text = scrubber.search.value.trim()
  if (scrubber.suggested === (reel.tokens > MOST_SUGGESTED ? text : reel)) return
  scrubber.suggested = reel.tokens > MOST_SUGGESTED ? text : reel
  const labels = []
  for (let token = 0; token < reel.tokens && labels.length < MOST_SUGGESTED; token++) {
    const label = tokenLabel(reel, token)
    if (reel.tokens <= MOST_SUGGESTED || label.includes(text)) labels.push(label)
  }
  scrubber.root.querySelector("#tokens").replaceChildren(...labels.map(value => Object.assign(document.createElement("option"), { value })))
}

function connectSearch(scrubber) {
  const { search } = scrubber
  search.onfocus = () => suggest(scrubber)
  search.oninput = event => {
    suggest(scrubber)
    // A suggestion that was pressed is meant; typed letters wait for Enter.
    if (event.inputType === "insertReplacementText" || !event.inputType) search.onchange()
  }
  search.onchange = () => {
    const text = search.value.trim(), { reel } = scrubber.sides[0], token = text ? tokenMeant(reel, text) : -1
    if (text && token < 0) return say(scrubber, `No ${reel.header.group} token "${text}".`)
    say(scrubber, "")
    select(scrubber, text ? `t${reel.header.ids[token]}` : "")
  }
  scrubber.picked = window.snowballExact?.picked[0] ?? 0
  scrubber.cleared = window.snowballExact?.cleared ?? 0
  scrubber.onExact = () => {
    const { step, picked: [number, word], cleared } = window.snowballExact
    scrubber.exact = step
    if (cleared > scrubber.cleared) {
      showLoop(scrubber, [])
      sendRange(scrubber)
    }
    scrubber.cleared = cleared
    if (number > scrubber.picked) select(scrubber, word)
    scrubber.picked = number
    requestFrame(scrubber)
  }
  document.addEventListener(EXACT, scrubber.onExact)
}

// Select what a word of the address names, and tell the server.
function select(scrubber, word) {
  const [, kind, id] = /^([th])(\d+)$/.exec(word) ?? []
  mark(scrubber, id === undefined ? null : Number(id), kind === "h")
  scrubber.set("select", word)
  repaint(scrubber)
}

// The exact numbers of another step than the one drawn are faint until they have arrived.
function dimExact({ exact, sides: [{ reel, snapshot }] }) {
  if (exact !== undefined) document.querySelector(".st-key-exact")?.toggleAttribute("data-late", reel.step[snapshot] !== exact)
}

// A remark beside the transport, until the next one.
function say(scrubber, text) {
  scrubber.remark.textContent = text
}
