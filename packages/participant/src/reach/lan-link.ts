// driven: multicast DNS on one interface through bonjour-service; its only importer.
import type { Runtime } from '@batchain/shared';
import bonjour, { type Browser, type Service } from 'bonjour-service';
import type { LanInterface } from '../adapters/lan-interfaces.ts';
import { LAN_GOODBYE_MS, LAN_SERVICES_MAX } from '../limits.ts';
import { GuardedMdnsSocket } from './guarded-mdns-socket.ts';
import { LAN_SERVICE_NAME, type LanAdvert, type LanWords } from './lan-advert.ts';

export interface LanLinkConfig {
  readonly lan: LanInterface;
  readonly advert: LanAdvert;
  /** 5353, but for tests. */
  readonly multicastPort: number;
}

type BonjourOptions = ConstructorParameters<typeof bonjour.Bonjour>[0];

/**
 * One interface: the library sends through one interface only, so each has a link of its own. Announces as it opens and, ever more
 * rarely, while it lives; `search` asks all to announce themselves.
 */
export class LanLink {
  readonly #runtime: Runtime;
  readonly #onHeard: (words: LanWords) => void;
  readonly #socket: GuardedMdnsSocket;
  readonly #config: LanLinkConfig;
  #bonjour: bonjour.Bonjour | undefined;
  #browser: Browser | undefined;
  #closing: Promise<void> | undefined;

  constructor(runtime: Runtime, onHeard: (words: LanWords) => void, config: LanLinkConfig) {
    this.#runtime = runtime;
    this.#onHeard = onHeard;
    this.#config = config;
    this.#socket = new GuardedMdnsSocket(runtime, config.lan);
  }

  /** In words, while it does not work; undefined when it does. */
  get problem(): string | undefined {
    return this.#socket.problem;
  }

  /** Whether the last search came back to us, as whatever is sent to the group does. */
  get hasHeardSelf(): boolean {
    return this.#socket.hasHeardSelf;
  }

  /** Rejects with the system's error when the port cannot be had. */
  async open(): Promise<void> {
    const { lan, advert, multicastPort } = this.#config;
    await this.#socket.bindTo(multicastPort);
    if (this.#closing !== undefined) {
      this.#socket.close(() => undefined);
      return;
    }
    // Options of multicast-dns, passed through; `bind: false` because the socket is bound.
    const options = { socket: this.#socket, interface: lan.host, port: multicastPort, bind: false } as unknown as BonjourOptions;
    this.#bonjour = new bonjour.Bonjour(options, (error: unknown) => {
      this.#runtime.log.debug('lan.answer.failed', { error: String(error) });
    });
    this.#socket.emit('listening');
    // No probing for the name: it holds our id, and our other interfaces may be in the same LAN.
    this.#bonjour.publish({
      name: advert.name,
      host: advert.host,
      type: LAN_SERVICE_NAME,
      protocol: 'udp',
      port: advert.port,
      txt: advert.text,
      probe: false,
      disableIPv6: true,
    });
    this.search();
  }

  /** Asks who is there. What was heard before is forgotten, so that all who answer are heard again. */
  search(): void {
    if (this.#bonjour === undefined || this.#closing !== undefined) return;
    this.#browser?.stop();
    this.#socket.expectSelf();
    // Without a filter of TXT records: the library reads those that are not there.
    const browser = this.#bonjour.find({ type: LAN_SERVICE_NAME, protocol: 'udp' });
    this.#browser = browser;
    const hear = (service: Service): void => this.#hear(service, browser);
    browser.on('up', hear);
    browser.on('srv-update', hear);
    browser.on('txt-update', hear);
  }

  #hear({ referer, port, txt }: Service, browser: Browser): void {
    // The library keeps all that it hears, and compares each with all.
    if (browser.services.length >= LAN_SERVICES_MAX) browser.stop();
    if (referer !== undefined) this.#onHeard({ source: referer.address, port, text: txt });
  }

  /** Says goodbye; resolves within LAN_GOODBYE_MS. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const opened = this.#bonjour;
    this.#browser?.stop();
    if (opened === undefined) return;
    this.#socket.leave();
    const ended = new Promise<void>((resolve) => {
      opened.unpublishAll(() => opened.destroy(resolve));
    });
    await Promise.race([ended, this.#runtime.clock.sleep(LAN_GOODBYE_MS)]);
    this.#socket.close(() => undefined);
  }
}
