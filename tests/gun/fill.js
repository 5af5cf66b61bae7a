// Fills a set with records that are not for us and with things that are not records:
// node fill.js URL SET FOREIGN MALFORMED
'use strict'
const crypto = require('crypto')
const WebSocket = require('ws')
const [url, set, foreign, malformed] = process.argv.slice(2)
const id = () => crypto.randomBytes(6).toString('base64')
const now = Date.now() - 5000
const socket = new WebSocket(url.replace(/^http/, 'ws'))

function node(soul, properties) {
  const states = Object.fromEntries(Object.keys(properties).map((name) => [name, now]))
  return { ...properties, _: { '#': soul, '>': states } }
}

// The nodes of one record, and the value by which the set names it.
function record(n) {
  const soul = 'foreign' + id() + n
  return { nodes: { [soul]: node(soul, { e: crypto.randomBytes(48).toString('base64') }) }, link: { '#': soul } }
}

function rubbish(n) {
  const soul = 'malformed' + id() + n
  const long = 'x'.repeat(20000)
  const bad = [
    { e: 5 }, { e: '' }, { e: '%%%' }, { e: 'AAAA' }, { e: null }, { e: true }, { x: 'y' }, { e: long },
    { e: crypto.randomBytes(48).toString('base64'), c: 2, k: 'AAAA' },
    { e: { '#': set } },
  ]
  if (n % 12 === 10) return { nodes: {}, link: 'not a link ' + long }
  if (n % 12 === 11) return { nodes: {}, link: { '#': soul + '-is-nowhere' } }
  return { nodes: { [soul]: node(soul, bad[n % 12]) }, link: { '#': soul } }
}

socket.on('open', () => {
  const records = []
  for (let n = 0; n < Number(foreign); n++) records.push(record(n))
  for (let n = 0; n < Number(malformed); n++) records.push(rubbish(n))
  // These are not stored; a relay must survive them.
  socket.send(JSON.stringify({ '#': id(), put: { [set]: { _: { '#': set, '>': { a: now } }, a: [1] } } }))
  socket.send('{')
  const waiting = new Set()
  for (let start = 0; start < records.length; start += 25) {
    const put = {}
    const members = {}
    for (const [n, { nodes, link }] of records.slice(start, start + 25).entries()) {
      Object.assign(put, nodes)
      members[link['#'] || 'text' + (start + n)] = link
    }
    put[set] = node(set, members)
    const name = id()
    waiting.add(name)
    socket.send(JSON.stringify({ '#': name, put }))
  }
  socket.on('message', (frame) => {
    const messages = JSON.parse(frame.toString())
    for (const message of Array.isArray(messages) ? messages : [messages]) {
      if (message.ok) waiting.delete(message['@'])
    }
    if (waiting.size === 0) process.exit(0)
  })
})
socket.on('error', (error) => { console.error(error.message); process.exit(1) })
setTimeout(() => { console.error('the relay did not confirm'); process.exit(1) }, 30000)
