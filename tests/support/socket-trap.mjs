// Preloaded with --import: notes and refuses everything that could reach a network. What was noted is in
// `globalThis.trappedSockets`; `globalThis.openSockets()` counts those of native code and of other threads too.
import dgram from 'node:dgram';
import dns from 'node:dns';
import { readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';

/** @type {string[]} */
const trapped = (globalThis.trappedSockets = []);

/** @param {object} owner @param {string} where */
function trap(owner, where, /** @type {string[]} */ names) {
  for (const name of names) {
    if (typeof owner[name] !== 'function') continue;
    owner[name] = function refuse() {
      trapped.push(`${where}.${name}`);
      throw new Error(`${where}.${name} was called`);
    };
  }
}

trap(net.Socket.prototype, 'net.Socket', ['connect']);
trap(net.Server.prototype, 'net.Server', ['listen']);
trap(net, 'net', ['connect', 'createConnection']);
trap(tls, 'tls', ['connect']);
trap(http, 'http', ['request', 'get']);
trap(https, 'https', ['request', 'get']);
trap(dgram, 'dgram', ['createSocket']);
const lookups = Object.keys(dns).filter((name) => /^(lookup|resolve|reverse)/.test(name));
trap(dns, 'dns', lookups);
trap(dns.promises, 'dns.promises', lookups);
trap(globalThis, 'globalThis', ['fetch', 'WebSocket', 'EventSource']);
syncBuiltinESMExports();

/** Sockets that the process has open, where the system tells; else 0. */
globalThis.openSockets = () => {
  try {
    return readdirSync('/proc/self/fd').filter(isSocket).length;
  } catch {
    return 0;
  }
};

function isSocket(/** @type {string} */ descriptor) {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    return false; // The one that the list was read with.
  }
}
