// The blob made readable: typed arrays over one buffer, and who is one vector with whom, per partition. A blob holds one reel
// for each side, one after the other.

const KINDS = { f2: Float32Array, f4: Float32Array, i2: Int16Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array }

function openReels(bytes) {
  // A copy: the bytes may begin anywhere in their buffer, typed arrays may not.
  const buffer = bytes.slice().buffer, reels = []
  for (let start = 0; start < buffer.byteLength; ) {
    const length = new DataView(buffer).getUint32(start, true), first = start + 4 + length
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start + 4, length)))
    reels.push(openReel(buffer, first, header))
    start = first + header.size
  }
  return reels
}

function openReel(buffer, first, header) {
  const reel = { header, partitions: [] }
  for (const [name, [kind, at, size]] of Object.entries(header.arrays)) reel[name] = new KINDS[kind](buffer, first + at, size)
  reel.tokens = header.ids.length
  reel.last = reel.step.length - 1
  reel.names = reel.slot.length / (reel.label.length / reel.tokens)
  reel.begins = [] // the snapshot that each frame is of
  reel.frame.forEach((frame, snapshot) => (reel.begins[frame] ??= snapshot))
  return reel
}

// Vectors of a partition, holes first: their tokens, colour and hidden classes; and the tokens in the order of the heatmap.
function partition(reel, number) {
  if (reel.partitions[number]) return reel.partitions[number]
  const { tokens, names } = reel
  const label = reel.label.subarray(number * tokens, (number + 1) * tokens)
  const hidden = reel.hidden.length ? reel.hidden.subarray(number * tokens, (number + 1) * tokens) : null
  const vectors = []
  for (let token = 0; token < tokens; token++) (vectors[label[token]] ??= { tokens: [] }).tokens.push(token)
  vectors.forEach((vector, place) => {
    vector.number = place
    vector.population = vector.tokens.length
    vector.live = vector.tokens.filter(token => isDead(reel, token) === false).length
    vector.slot = vector.population > 1 ? reel.slot[number * names + place] : -1
    vector.classes = hidden && vector.population > 1 ? hiddenClasses(vector.tokens, hidden) : null
  })
  const order = vectors.flatMap(vector => vector.tokens)
  const made = { label, hidden, vectors, order, holes: vectors.filter(vector => vector.population > 1) }
  reel.partitions[number] = made
  return made
}

function hiddenClasses(tokens, hidden) {
  const classes = new Map()
  for (const token of tokens) {
    if (!classes.has(hidden[token])) classes.set(hidden[token], [])
    classes.get(hidden[token]).push(token)
  }
  return [...classes.values()].sort((a, b) => b.length - a.length)
}

function at({ reel, snapshot }) {
  const frame = reel.frame[snapshot]
  return { frame, now: vectorsOf(reel, frame) }
}

// The vectors of a frame. Rows that are not finite are no hole, whatever their bits have in common.
function vectorsOf(reel, frame) {
  const whole = partition(reel, reel.partition[frame]), from = (frame - reel.header.lost_from) * reel.tokens
  if (from < 0 || !reel.lost.length) return whole
  reel.lostVectors ??= []
  if (reel.lostVectors[frame]) return reel.lostVectors[frame]
  const vectors = whole.vectors.map(vector => (reel.lost[from + vector.tokens[0]] ? { ...vector, slot: -1, classes: null, lost: true } : vector))
  return (reel.lostVectors[frame] = { ...whole, vectors, holes: vectors.filter(vector => vector.population > 1 && !vector.lost) })
}

// L∞ between two vectors of a frame; undefined where it was not sent.
function apart(reel, frame, first, second) {
  if (first === second) return vectorsOf(reel, frame).vectors[first].lost ? NaN : 0
  const count = Math.min(partition(reel, reel.partition[frame]).vectors.length, reel.header.most)
  const [a, b] = first < second ? [first, second] : [second, first]
  if (b >= count) return undefined
  return reel.distance[reel.distance_at[frame] + a * count - (a * (a + 1)) / 2 + b - a - 1]
}

function place(reel, frame, vector, basis) {
  const points = basis === "about" ? reel.relative : reel.place
  const offset = 2 * (reel.vector_at[frame] + vector)
  return [points[offset], points[offset + 1]]
}

// The name that a black hole keeps through the run.
function holeName({ header }, { slot }) {
  return header.hole_names[slot] ?? "?"
}

function name(reel, token) {
  const id = reel.header.ids[token]
  const byte = id < 256 && reel.header.glyphs ? `byte 0x${id.toString(16).toUpperCase().padStart(2, "0")} · ` : ""
  return { id, byte, glyph: reel.header.glyphs?.[token] ?? "", group: isDead(reel, token) === null ? "dead or live: unknown" : isDead(reel, token) ? "dead" : "live" }
}

// Null where nobody said which tokens are dead.
function isDead(reel, token) {
  return reel.header.dead && reel.header.dead[token]
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format
