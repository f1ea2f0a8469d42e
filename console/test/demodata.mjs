// A few hosts of a shop, as they were for a week: what pages are looked at with. The same second has the same values always.

import dgram from 'node:dgram';

const HOSTS = ['db-1', 'web-1', 'web-2', 'web-3'];
const WEEK_S = 7 * 86_400;
// Totals count from here: they keep their last digits so.
const BEGIN_S = 1_790_000_000;
const GIB = 2 ** 30;

// Between 0 and 1, and smooth; `seed` tells curves apart.
function wave(seed, second, period) {
  const part = (length, shift) => Math.sin((2 * Math.PI * (second + shift)) / length);
  return 0.5 + 0.28 * part(period, seed * 997) + 0.14 * part(period / 3.7, seed * 331) + 0.08 * part(period / 17, seed * 73);
}

// Once a day the database is busy for a quarter of an hour; it is so in the last ten minutes, too.
const isBusy = (second, now) => now - second < 600 || (second % 86_400 > 10_800 && second % 86_400 < 11_700);

// InfluxDB's lines of all hosts at one second.
function linesAt(second, now) {
  return HOSTS.flatMap((host, seed) => {
    const lines = [];
    const add = (name, labels, field, value) => lines.push(`system_${name},host=${host}${labels} ${field}=${value > 1e6 ? Math.round(value) : value.toPrecision(8)} ${second}`);
    const busy = host === 'db-1' && isBusy(second, now) ? 0.42 : 0;
    const user = 0.1 + 0.25 * wave(seed, second, 86_400) + 0.05 * wave(seed + 9, second, 300) + busy;
    const modes = { user, system: user / 4, iowait: 0.01 + busy / 20 };
    for (const [mode, share] of Object.entries({ ...modes, idle: 1 - user - modes.system - modes.iowait })) add('cpu', `,cpu_mode=${mode}`, 'utilization_ratio', share);
    const used = (3 + 2 * wave(seed + 3, second, 43_200)) * GIB;
    for (const [state, bytes] of Object.entries({ used, cached: 4 * GIB, buffers: 0.3 * GIB, free: 11.7 * GIB - used })) add('memory', `,system_memory_state=${state}`, 'usage_bytes', bytes);
    for (const [at, direction] of ['read', 'write'].entries()) add('disk', `,disk_io_direction=${direction}`, 'io_bytes_total', (second - BEGIN_S) * 2e6 * (1 + at) + 4e8 * wave(seed + at, second, 7_200));
    for (const [at, direction] of ['receive', 'transmit'].entries()) add('network', `,network_interface_name=eth0,network_io_direction=${direction}`, 'io_bytes_total', (second - BEGIN_S) * 9e6 * (1 + at) + 4e9 * wave(seed + at, second, 9_000));
    for (const [at, span] of ['1m', '5m', '15m'].entries()) add('cpu_load', '', `average_${span}`, 4 * user + wave(seed, second, 600 * (at + 1)) / (at + 1));
    add('cpu', '', 'logical_count', 8);
    for (const [at, point] of ['/', '/var'].entries()) add('filesystem', `,system_filesystem_mountpoint=${point}`, 'utilization_ratio', 0.35 + 0.3 * at + 0.1 * (((second + seed * 9_000) % WEEK_S) / WEEK_S));
    return lines;
  });
}

async function write(url, lines) {
  const headers = { 'content-type': 'text/plain' };
  const answer = await fetch(`${url}/api/v2/write?precision=s`, { method: 'POST', headers, body: lines.join('\n') });
  if (!answer.ok) throw new Error(`writing: ${answer.status} ${await answer.text()}`);
}

// A week every five minutes, an hour every ten seconds.
export async function writePast(url, now) {
  const seconds = [];
  for (let second = now - WEEK_S; second < now - 3_600; second += 300) seconds.push(second);
  for (let second = now - 3_600; second <= now; second += 10) seconds.push(second);
  for (let at = 0; at < seconds.length; at += 100) await write(url, seconds.slice(at, at + 100).flatMap((second) => linesAt(second, now)));
}

// Goes on every ten seconds, and sends a shop's StatsD, until it is told to stop.
export function goOn(url, statsd) {
  const socket = dgram.createSocket('udp4');
  const [host, port] = statsd.split(':');
  const send = (text) => socket.send(text, Number(port), host);
  const event = (title, text) => send(`_e{${title.length},${text.length}}:${title}|${text}|#service:shop`);
  const deployment = setTimeout(() => event('Deployed shop 1.4.2', 'by the pipeline'), 20_000);
  const applications = setInterval(() => {
    for (let at = 0; at < 40; at += 1) {
      const region = at % 3 === 0 ? 'us' : 'eu';
      const ms = (at % 7 === 0 ? 220 : 24) * (0.6 + 0.8 * Math.random());
      send(`shop.checkout.time:${ms.toFixed(1)}|ms|#region:${region}\nshop.orders:1|c|#region:${region}\nshop.queue.length:${Math.round(10 + 8 * Math.random())}|g`);
    }
  }, 200);
  const hosts = setInterval(() => {
    const now = Math.floor(Date.now() / 10_000) * 10;
    write(url, linesAt(now, now)).catch((error) => console.error(error.message));
  }, 10_000);
  return () => {
    clearTimeout(deployment);
    clearInterval(applications);
    clearInterval(hosts);
    socket.close();
  };
}
