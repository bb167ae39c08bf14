// driven: dials of one host one at a time: whoever names a victim as its address has it knocked at once a second at most (T8).
import {
  type Address,
  type Connection,
  type Dialer,
  type DialFailure,
  type DialOptions,
  fail,
  type NodeId,
  type Result,
  type Runtime,
} from '@batchain/shared';
import type { StrangerPace } from './stranger-pace.ts';

/** A host where the wanted node answered lately is dialled as often as is needed; the machine itself always is. */
export class PacedDialer implements Dialer {
  readonly #runtime: Runtime;
  readonly #dialer: Dialer;
  readonly #pace: Pick<StrangerPace, 'dialTurn' | 'proved'>;

  constructor(runtime: Runtime, dialer: Dialer, pace: Pick<StrangerPace, 'dialTurn' | 'proved'>) {
    this.#runtime = runtime;
    this.#dialer = dialer;
    this.#pace = pace;
  }

  async dial(address: Address, expected: NodeId | undefined, options: DialOptions): Promise<Result<Connection, DialFailure>> {
    const { clock } = this.#runtime;
    const startMs = clock.monotonicMs();
    const turn = await this.#pace.dialTurn(address.host, options);
    if (turn === 'late') return fail('timeout', 'this address is dialled once a second at most');
    if (turn === 'aborted') return fail('aborted');
    const waitedMs = clock.monotonicMs() - startMs;
    const dialled = await this.#dialer.dial(address, expected, { ...options, timeoutMs: options.timeoutMs - waitedMs });
    if (dialled.ok) this.#pace.proved(address.host);
    return dialled;
  }
}
