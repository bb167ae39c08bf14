// pure: so many at once, no more: whoever finds no place is told to come again.
import { GatewayError } from './gateway-error.ts';

export class Places {
  readonly #max: number;
  readonly #what: string;
  #taken = 0;

  /** `what` they are, in the plural. */
  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  /** Gives the place back when it is called. Throws 429. */
  take(): () => void {
    if (this.#taken >= this.#max)
      throw new GatewayError(
        429,
        {
          what: `${this.#max} ${this.#what} are in work already`,
          why: 'more at once would slow down all',
          fix: 'send it again in a moment',
        },
        { 'retry-after': '1' },
      );
    this.#taken++;
    return () => {
      this.#taken--;
    };
  }
}
