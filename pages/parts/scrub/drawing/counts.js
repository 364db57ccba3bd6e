// Counts over the run, events, learning rate and loss: they stand still under the cursor, an element of its own.

const LEFT = 46, RIGHT = 14, TOP = 18, STRIP = 44, GAP = 20, BOTTOM = 4

function drawCounts(side) {
  const { reel, where, scrubber: { theme, scale, axis, loop } } = side
  const { draw, width, height } = pen(side, "counts")
  // Loss and rate of a history from a file are not known: it has no strip.
  const strip = scale.strip ? STRIP : 0
  const bottom = height - strip - GAP - BOTTOM, top = TOP + 14
  const x = part => LEFT + part * (width - LEFT - RIGHT)
  const clipped = paint => {
    draw.save()
    draw.beginPath()
    draw.rect(LEFT - 4, 0, width - LEFT - RIGHT + 8, height)
    draw.clip()
    paint()
    draw.restore()
  }
  const tallest = Math.log1p(1.1 * scale.tokens)
  const y = count => bottom - (Math.log1p(count) / tallest) * (bottom - top)
  Object.assign(side, { countsWidth: width, countsBottom: bottom })
  paintGrid(side.scrubber, draw, x, y, bottom, width)
  clipped(() => {
    if (loop.length) {
      const [from, to] = [loop[0], loop[1] ?? loop[0]].map(index => x(axis.where[index]))
      draw.fillStyle = theme.cursor + "33"
      draw.fillRect(from, TOP, Math.max(2, to - from), height - TOP)
    }
    paintEvents(side, draw, x, top, bottom)
    paintLines(side, draw, x, y)
    if (strip) paintStrip(side, draw, x, height - strip - BOTTOM, height - BOTTOM, width)
  })
  if (strip) nameStrip(theme, draw, height - strip - BOTTOM)
}

function paintLines({ reel, where, scrubber: { theme } }, draw, x, y) {
  // Counts of rows that are not finite would be drawn as black holes.
  const last = Math.min(reel.last, reel.header.finite - 1)
  for (const [column, [, , colours, dashes]] of Object.entries(reel.header.lines)) {
    draw.strokeStyle = colours[theme.dark ? 1 : 0]
    draw.setLineDash(dashes)
    draw.lineWidth = 2
    draw.beginPath()
    const values = reel[column]
    // Where all vectors are holes C runs beside U, not over it.
    const height = i => y(values[i]) - (column === "black_holes" && values[i] === reel.unique[i] ? 3 : 0)
    draw.moveTo(x(where[0]), height(0))
    for (let i = 1; i <= last; i++) {
      if (height(i) === height(i - 1) && i < last) continue
      draw.lineTo(x(where[i]), height(i - 1))
      draw.lineTo(x(where[i]), height(i))
    }
    draw.stroke()
    if (last === 0) dot(draw, x(where[0]), height(0), draw.strokeStyle)
  }
  draw.setLineDash([])
}

function moveCursor({ reel, snapshot, where, countsWidth, cursor, told }) {
  const at = LEFT + where[snapshot] * (countsWidth - LEFT - RIGHT)
  for (const node of [cursor, told.cursor]) node.style.visibility = where[snapshot] < -0.001 || where[snapshot] > 1.001 ? "hidden" : ""
  cursor.style.transform = `translateX(${at - 1}px)`
  told.cursor.style.transform = `translateX(clamp(0px, ${at}px - 50%, ${countsWidth}px - 100%))`
  told.cursor.textContent = whole(reel.step[snapshot])
}

// A line of one step would not be seen.
function dot(draw, x, y, colour) {
  draw.fillStyle = colour
  draw.beginPath()
  draw.arc(x, y, 4, 0, 2 * Math.PI)
  draw.fill()
}

function paintGrid({ theme, axis, scale }, draw, x, y, bottom, width) {
  draw.strokeStyle = theme.rule
  draw.lineWidth = 1
  draw.fillStyle = theme.faint
  draw.textAlign = "right"
  let above = Infinity
  for (const count of [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter(count => count <= scale.tokens)) {
    if (above - y(count) < 15) continue
    above = y(count)
    draw.globalAlpha = 0.6
    draw.beginPath()
    draw.moveTo(LEFT, Math.round(above) + 0.5)
    draw.lineTo(width - RIGHT, Math.round(above) + 0.5)
    draw.stroke()
    draw.globalAlpha = 1
    draw.fillText(whole(count), LEFT - 7, above)
  }
  draw.textAlign = "center"
  let right = -Infinity
  for (const tick of axis.ticks) {
    const told = whole(tick), half = draw.measureText(told).width / 2
    if (x(axis.of(tick)) - half < right + 8) continue
    right = x(axis.of(tick)) + half
    draw.fillText(told, Math.min(x(axis.of(tick)), width - half - 1), bottom + 11)
  }
}

// The kinds of events that make up a sum of bits.
function kindsOf({ header }, kind) {
  return header.palette.events.filter(({ bit }) => kind & bit)
}

// A row of coloured ticks for each kind that the run has; of ticks that would touch only the first is drawn.
function paintEvents({ reel, where, scrubber: { theme } }, draw, x, top, bottom) {
  const kinds = kindsOf(reel, reel.kind.reduce((all, kind) => all | kind, 0)), high = 14 / Math.max(1, kinds.length), taken = {}
  let ruled = -Infinity
  draw.strokeStyle = theme.faint
  draw.lineWidth = 1
  draw.globalAlpha = 0.45
  reel.event.forEach((snapshot, i) => {
    const at = x(where[snapshot])
    // Where events crowd, only some get a rule down to the axis: a wall of rules would hide the lines.
    if (at - ruled < 7) return
    ruled = at
    draw.beginPath()
    draw.moveTo(Math.round(at) + 0.5, top)
    draw.lineTo(Math.round(at) + 0.5, bottom)
    draw.stroke()
  })
  draw.globalAlpha = 1
  reel.event.forEach((snapshot, i) => {
    const at = Math.round(x(where[snapshot]))
    kinds.forEach(({ bit, colour }, row) => {
      if (!(reel.kind[i] & bit) || at < (taken[bit] ?? -Infinity) + 3) return
      taken[bit] = at
      draw.fillStyle = colour[theme.dark ? 1 : 0]
      draw.fillRect(at - 1, top - 14 + row * high, 2.5, high - 1)
    })
  })
}

function paintStrip({ reel, scrubber: { theme, axis } }, draw, x, top, bottom, width) {
  const curve = (values, colour, floor) => {
    if (!values || !values.length) return
    let low = floor, high = -Infinity
    for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)]
    draw.strokeStyle = colour
    draw.beginPath()
    let column = -1
    if (values.length === 1) dot(draw, x(axis.of(reel.loss_step[0])), values[0] > low ? top + 3 : bottom - 3, colour)
    for (let i = 0; i < values.length; i++) {
      const at = x(axis.of(reel.loss_step[i])), down = bottom - 3 - ((values[i] - low) / (high - low || 1)) * (bottom - top - 6)
      column < 0 ? draw.moveTo(at, down) : draw.lineTo(at, down)
      column = at
    }
    draw.stroke()
  }
  draw.fillStyle = theme.rule
  draw.globalAlpha = 0.25
  draw.fillRect(LEFT, top, width - LEFT - RIGHT, bottom - top)
  draw.globalAlpha = 1
  draw.lineWidth = 1.2
  curve(reel.rate, theme.cursor, 0)
  curve(reel.loss, theme.faint, Infinity)
}

function nameStrip(theme, draw, top) {
  draw.textAlign = "right"
  draw.fillStyle = theme.faint
  draw.fillText("loss", LEFT - 7, top + 12)
  draw.fillStyle = theme.dark ? theme.cursor : "#8A6500"
  draw.fillText("rate", LEFT - 7, top + 30)
}
