// A router that speaks UPnP, on loopback: search by UDP, description and orders over HTTP, as UPnP IGD version 2 has them.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { UdpSocket } from '@batchain/kad-node';
import { utf8Bytes, utf8Text } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import type { MappingRequest } from './mapping-method.ts';
import { encodeSsdpSearch, readSsdpAnswer } from './ssdp.ts';
import { UpnpClient } from './upnp-client.ts';

const HOST = '127.0.0.1';
const ROUTE = { gateway: HOST, ownHost: HOST };
const runtime = createSystemRuntime();
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const soap = (action: string, body: string): string =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:2">${body}</u:${action}Response></s:Body></s:Envelope>`;

const soapFault = (code: number, words: string): string =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode><errorDescription>${words}</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;

const description = (version: number): string => `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:${version}</deviceType><UDN>uuid:1</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:${version}</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:${version}</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:${version}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/ip.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>`;

type Answer = (action: string, body: string) => string;

interface RouterOptions {
  readonly version?: number;
  readonly answer?: Answer;
  /** Where the search is told that the description lies. */
  readonly location?: (port: number) => string;
  readonly onRequest?: (request: IncomingMessage) => void;
  /** Says nothing more once asked for its description. */
  readonly isStuck?: boolean;
}

/** What miniupnpd and others do with a mapping of another's outer port: the next free one. */
class TestRouter {
  readonly ports = new Map<string, string>();
  readonly orders: string[] = [];

  readonly answer: Answer = (action, body) => {
    const argument = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '';
    const key = `${argument('NewProtocol')} ${argument('NewExternalPort')}`;
    this.orders.push(`${action} ${key}`);
    if (action === 'GetExternalIPAddress') return soap(action, '<NewExternalIPAddress>203.0.113.5</NewExternalIPAddress>');
    if (action === 'DeletePortMapping') return this.ports.delete(key) ? soap(action, '') : soapFault(714, 'NoSuchEntryInArray');
    if (argument('NewProtocol') === '' || argument('NewInternalPort') === '') return soapFault(402, 'Invalid Args');
    this.ports.set(key, `${argument('NewInternalClient')}:${argument('NewInternalPort')} for ${argument('NewLeaseDuration')} s`);
    return soap(action, `<NewReservedPort>${argument('NewExternalPort')}</NewReservedPort>`);
  };
}

async function serveHttp(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

/** Returns the client that searches for it. */
async function startRouter(options: RouterOptions = {}): Promise<UpnpClient> {
  const { version = 2, answer = new TestRouter().answer, location, onRequest, isStuck = false } = options;
  const server = await serveHttp((request, response) => {
    onRequest?.(request);
    if (isStuck) return;
    const action = /#(\w+)"?$/.exec(String(request.headers.soapaction ?? ''))?.[1];
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const text = action === undefined ? description(version) : answer(action, body);
      response.writeHead(text.includes('Fault>') ? 500 : 200, { 'content-type': 'text/xml; charset="utf-8"' }).end(text);
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const search = new UdpSocket({ host: HOST, port: 0 });
  await search.open((bytes, from) => {
    if (utf8Text(bytes)?.startsWith('M-SEARCH') !== true) return;
    const where = location?.(port) ?? `http://${HOST}:${port}/igd.xml`;
    const lines = [
      'HTTP/1.1 200 OK',
      'EXT:',
      'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
      `LOCATION: ${where}`,
      'USN: uuid:1',
    ];
    search.send(utf8Bytes(`${lines.join('\r\n')}\r\n\r\n`), from);
  });
  ends.push(() => search.close());
  const openSocket = (host: string): UdpSocket => new UdpSocket({ host, port: 0 });
  return new UpnpClient(runtime, openSocket, { searchPort: search.localAddress.port });
}

const request: MappingRequest = { protocol: 'udp', internalPort: 4870, externalPort: 4870, lifetimeMs: 1_200_000 };
const never = new AbortController().signal;

describe('UPnP', { timeout: 20_000 }, () => {
  it('maps a port, renews it, and takes it back', async () => {
    const router = new TestRouter();
    const client = await startRouter({ answer: router.answer });
    for (let i = 0; i < 2; i++) {
      const mapped = await client.map(ROUTE, request, never);
      expect(mapped).toEqual({ ok: true, value: { external: { host: '203.0.113.5', port: 4870 }, lifetimeMs: 3_600_000 } });
    }
    expect(await client.map(ROUTE, { ...request, protocol: 'tcp', internalPort: 4880, externalPort: 5000 }, never)).toMatchObject({
      ok: true,
    });
    expect([...router.ports]).toEqual([
      ['UDP 4870', '127.0.0.1:4870 for 3600 s'],
      ['TCP 5000', '127.0.0.1:4880 for 3600 s'],
    ]);
    await client.unmap(ROUTE, request, never);
    await client.unmap(ROUTE, request, never);
    expect([...router.ports.keys()]).toEqual(['TCP 5000']);
  });

  it('gives the reason of a refusal', async () => {
    const client = await startRouter({ answer: () => soapFault(718, 'ConflictInMappingEntry') });
    expect(await client.map(ROUTE, request, never)).toEqual({ ok: false, reason: 'refused', detail: 'Code 718 - ConflictInMappingEntry' });
  });

  it('of version 1 alone is told as that', async () => {
    const client = await startRouter({ version: 1 });
    expect(await client.map(ROUTE, request, never)).toEqual({
      ok: false,
      reason: 'unsupported',
      detail: 'it speaks version 1 of UPnP only',
    });
  });

  it.each([
    ['no XML', () => 'nonsense <'],
    ['an empty answer', () => ''],
    ['no port', (action: string) => soap(action, '')],
    [
      'a port beyond all',
      (action: string) => soap(action, '<NewReservedPort>99999</NewReservedPort><NewExternalIPAddress>1.2.3.4</NewExternalIPAddress>'),
    ],
    [
      'an address in letters',
      (action: string) => soap(action, '<NewReservedPort>1</NewReservedPort><NewExternalIPAddress>router.local</NewExternalIPAddress>'),
    ],
    [
      'an address of elements',
      (action: string) => soap(action, '<NewReservedPort>1</NewReservedPort><NewExternalIPAddress><a/></NewExternalIPAddress>'),
    ],
  ])('that answers with %s is no harm', async (_, answer) => {
    const client = await startRouter({ answer });
    expect((await client.map(ROUTE, request, never)).ok).toBe(false);
    await client.unmap(ROUTE, request, never);
  });

  it('that never answers is left alone when we stop', async () => {
    const stopping = new AbortController();
    const client = await startRouter({ isStuck: true, onRequest: () => stopping.abort() });
    expect(await client.map(ROUTE, request, stopping.signal)).toMatchObject({ reason: 'failed' });
    await client.unmap(ROUTE, request, stopping.signal);
  });

  it('fetches nothing from where a third party sends it (T8)', async () => {
    let fetched = 0;
    const victim = await serveHttp((_, response) => {
      fetched++;
      response.end();
    });
    const address = victim.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = await startRouter({ location: () => `http://localhost:${port}/igd.xml` });
    expect(await client.map(ROUTE, request, never)).toMatchObject({ reason: 'no-answer' });
    expect(fetched).toBe(0);
  });
});

describe('the search for a router', () => {
  const lines = (location: string, st = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2', status = '200 OK'): Uint8Array =>
    utf8Bytes(`HTTP/1.1 ${status}\r\nCACHE-CONTROL: max-age=120\r\nst: ${st}\r\nLocation: ${location}\r\n\r\n`);

  it('asks for the device in the form of UPnP', () => {
    expect(utf8Text(encodeSsdpSearch(1900))).toMatch(/^M-SEARCH \* HTTP\/1\.1\r\nHOST: 239\.255\.255\.250:1900\r\n[\s\S]*\r\n\r\n$/);
  });

  it('reads where the description lies', () => {
    expect(readSsdpAnswer(lines('http://192.168.1.1:5000/igd.xml'), '192.168.1.1')?.href).toBe('http://192.168.1.1:5000/igd.xml');
  });

  it.each([
    ['on another host', lines('http://192.168.1.66/igd.xml')],
    ['on another host that looks alike', lines('http://192.168.1.1@203.0.113.9/igd.xml')],
    ['by another protocol', lines('https://192.168.1.1/igd.xml')],
    ['in a file', lines('file:///etc/passwd')],
    ['nowhere', lines('not a url')],
    ['of another device', lines('http://192.168.1.1/', 'urn:schemas-upnp-org:device:MediaServer:1')],
    ['in a refusal', lines('http://192.168.1.1/', undefined, '404 Not Found')],
    ['in no text', Uint8Array.of(0xff, 0xfe)],
    ['in too much text', new Uint8Array(10_000).fill(32)],
  ])('takes a description %s for none', (_, bytes) => {
    expect(readSsdpAnswer(bytes, '192.168.1.1')).toBeUndefined();
  });
});
