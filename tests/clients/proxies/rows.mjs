// The proxies, and the settings that each row of the table runs with. Those that are recommended stand in the documentation.

import { readFileSync } from 'node:fs';

const docs = new URL('../../../docs/', import.meta.url);

/** The first block of settings behind this heading of a document. */
function documented(document, heading) {
  const section = readFileSync(new URL(document, docs), 'utf8').split(`\n## ${heading}\n`)[1];
  return /```\w*\n([\s\S]*?)```/.exec(section)[1];
}

/** The same with the addresses of a test, and time-outs that a test can wait for. */
function adapted(settings, { listen, server }) {
  return settings
    .replace(/listen 443 ssl/, `listen 127.0.0.1:${listen}`)
    .replace(/bind :80\b/, `bind 127.0.0.1:${listen}`)
    .replace(/http_port 80\b/, `http_port 127.0.0.1:${listen}`)
    .replace(/server\.port = 80\b/, `server.port = ${listen}\nserver.bind = "127.0.0.1"`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${server}`)
    .replace('"127.0.0.1", "port" => 8080', `"127.0.0.1", "port" => ${server}`)
    .replace('.port = "8080"', `.port = "${server}"`)
    .replace('127.0.0.1 parent 8080', `127.0.0.1 parent ${server}`)
    .replaceAll(/\b60( seconds|s)\b/g, '2$1');
}

const recommended = (document, heading, frame = (settings) => settings) => (ports, folder) =>
  frame(adapted(documented(document, heading), ports), folder);

const nginx = {
  needs: 'nginx',
  command: (file, folder) => ['nginx', '-p', folder, '-c', file, '-e', 'stderr'],
  frame: (settings, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n')}
  ${settings}
}`,
};

const haproxy = { needs: 'haproxy', command: (file) => ['haproxy', '-db', '-q', '-f', file] };

const squid = {
  needs: 'squid',
  // Its memory that processes share is called by the service's name, and belongs to the machine: another may run there already.
  command: (file, folder, { listen }) => ['squid', '-N', '-n', `byway${process.pid}x${listen}`, '-d', '1', '-f', file],
  frame: (settings) => `
pid_filename none
cache_log /dev/stderr
access_log none
pinger_enable off
shutdown_lifetime 0 seconds
${settings}`,
};

const varnish = {
  needs: 'varnishd',
  // Its own sandbox needs users that not every machine has.
  start: ({ listen }, folder) => ['varnishd', '-F', '-j', 'none', '-n', `${folder}/varnish`, '-a', `127.0.0.1:${listen}`, '-p', 'pipe_timeout=2'],
};

/** `settings` writes a file; `command` starts the proxy with it. `must` is what has to work. */
export const rows = [
  {
    name: 'nginx', ...nginx,
    settings: ({ listen, server }, folder) =>
      nginx.frame(`server { listen 127.0.0.1:${listen}; location / { proxy_pass http://127.0.0.1:${server}; } }`, folder),
  },
  { name: 'nginx, as below', ...nginx, must: 'everything', settings: recommended('operations.md', 'Behind nginx', nginx.frame) },
  {
    name: 'HAProxy', ...haproxy,
    settings: ({ listen, server }) => `
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend public
    bind 127.0.0.1:${listen}
    default_backend byway
backend byway
    server byway 127.0.0.1:${server}
`,
  },
  { name: 'HAProxy, as below', ...haproxy, must: 'everything', settings: recommended('proxies.md', 'HAProxy') },
  {
    name: 'Squid, forward', ...squid, forward: true,
    settings: ({ listen, server }) => squid.frame(`
http_port 127.0.0.1:${listen}
acl SSL_ports port ${server}
acl Safe_ports port 1025-65535
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
acl us src 127.0.0.0/8
http_access allow us
http_access deny all`),
  },
  { name: 'Squid, as below', ...squid, must: 'everything', settings: recommended('proxies.md', 'Squid', squid.frame) },
  {
    name: 'Privoxy, forward', needs: 'privoxy', forward: true,
    command: (file) => ['privoxy', '--no-daemon', file],
    settings: ({ listen }, folder) => `
confdir /etc/privoxy
logdir ${folder}
actionsfile match-all.action
actionsfile default.action
filterfile default.filter
listen-address 127.0.0.1:${listen}
`,
  },
  { name: 'Varnish', ...varnish, command: (_, folder, { listen, server }) => [...varnish.start({ listen }, folder), '-b', `127.0.0.1:${server}`] },
  {
    name: 'Varnish, as below', ...varnish, must: 'everything',
    command: (file, folder, ports) => [...varnish.start(ports, folder), '-f', file],
    settings: recommended('proxies.md', 'Varnish'),
  },
  {
    name: 'lighttpd', needs: 'lighttpd',
    command: (file) => ['lighttpd', '-D', '-f', file],
    settings: ({ listen, server }, folder) => `
server.modules = ("mod_proxy")
server.port = ${listen}
server.bind = "127.0.0.1"
server.document-root = "${folder}"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${server})))
`,
  },
  {
    name: 'lighttpd, as below', needs: 'lighttpd', must: 'everything',
    command: (file) => ['lighttpd', '-D', '-f', file],
    settings: recommended('proxies.md', 'lighttpd', (settings, folder) => settings.replace('/var/www/html', folder)),
  },
];
