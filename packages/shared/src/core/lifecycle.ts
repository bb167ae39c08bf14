// driven: things that start and stop, and a group that stops them in reverse order.

/** Both calls are idempotent; `stop` resolves when nothing of it runs any more. */
export interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface NamedService {
  readonly name: string;
  readonly service: Startable;
}

/** Starts services in order and stops them in reverse. A failed start stops those already started. */
export class ServiceGroup implements Startable {
  readonly #services: NamedService[] = [];
  #started: NamedService[] = [];

  add(name: string, service: Startable): this {
    this.#services.push({ name, service });
    return this;
  }

  async start(): Promise<void> {
    try {
      for (const named of this.#services.slice(this.#started.length)) {
        await named.service.start();
        this.#started.push(named);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#started.reverse();
    this.#started = [];
    const failures: unknown[] = [];
    for (const { service } of running) {
      try {
        await service.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'services failed to stop');
  }
}
