'use strict'
// One node of a clustered MQTT broker: node broker.js PORT REDIS_PORT. Both are on the loopback interface.

const net = require('node:net')

const [port, redisPort] = process.argv.slice(2).map(Number)
const redis = { host: '127.0.0.1', port: redisPort }
const node = require('aedes')({
  mq: require('mqemitter-redis')(redis),
  persistence: require('aedes-persistence-redis')(redis),
})

net.createServer(node.handle).listen(port, redis.host)
