// A Gun relay on 127.0.0.1: node relay.js PACKAGE PORT DIR [CERTIFICATE KEY]
'use strict'
const fs = require('fs')
const [name, port, dir, certificate, key] = process.argv.slice(2)
const Gun = require(name)
// Whatever else the library writes, it writes there.
process.chdir(dir)
const server = certificate
  ? require('https').createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : require('http').createServer()
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
Gun({ web: server, file: dir + '/radata', radisk: true, localStorage: false, multicast: false, axe: false, peers: [] })
