// A program that uses Gun, with one peer:
//   node peer.js PACKAGE URL put SOUL JSON    writes properties, ends when the peer has confirmed
//   node peer.js PACKAGE URL get SOUL         prints the node as one line of JSON, as soon as there is one
//   node peer.js PACKAGE URL watch SOUL       prints a line for each state of the node
//   node peer.js PACKAGE URL set SOUL         prints the members' nodes of a set, each as a line
'use strict'
const fs = require('fs')
const os = require('os')
const path = require('path')
const [name, url, action, soul, json] = process.argv.slice(2)
process.chdir(fs.mkdtempSync(path.join(os.tmpdir(), 'gun-peer-')))
const log = console.log
// The library greets whoever loads it.
console.log = () => {}
const Gun = require(name)
const gun = Gun({ peers: [url], file: false, radisk: false, localStorage: false, multicast: false, axe: false })

function show(node) {
  const { _, ...properties } = node
  log(JSON.stringify(properties))
}

const end = (code) => process.stdout.write('', () => process.exit(code))

if (action === 'put') {
  gun.get(soul).put(JSON.parse(json), (ack) => {
    if (ack.err) console.error(String(ack.err))
    end(ack.err ? 1 : 0)
  }, { opt: { peers: url }, lack: 60000 })
} else if (action === 'get') {
  const ask = () => gun.get(soul).once((node) => {
    if (node) {
      show(node)
      end(0)
    } else {
      setTimeout(ask, 500)
    }
  }, { wait: 500 })
  ask()
} else if (action === 'watch') {
  gun.get(soul).on((node) => show(node))
} else if (action === 'set') {
  gun.get(soul).map().on((node, key) => log(JSON.stringify({ key, e: node && node.e })))
}
setTimeout(() => { console.error('nothing came'); process.exit(1) }, 120000)
