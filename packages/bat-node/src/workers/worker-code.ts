// driven: where a worker thread finds its code: the built file, or, run from source, the .ts file behind a loader.
import { extname } from 'node:path';

export interface WorkerCode {
  /** What the thread imports. */
  readonly filename: string;
  /** Options of Node for the thread; those of this process when undefined. */
  readonly execArgv?: string[];
}

/**
 * `stage-worker` beside this file. A thread does not inherit the loader of TypeScript that this process may run under, so from
 * source it starts with a line of code that brings its own.
 */
export function findWorkerCode(): WorkerCode {
  const extension = extname(import.meta.url);
  const target = new URL(`./stage-worker${extension}`, import.meta.url).href;
  return extension === '.ts' ? fromSource(target) : { filename: target };
}

function fromSource(target: string): WorkerCode {
  const code = `
    import { register } from 'node:module';
    register('tsx/esm', '${target}', { data: true });
    export const { runStage } = await import('${target}');`;
  return {
    filename: `data:text/javascript,${encodeURIComponent(code)}`,
    execArgv: ['--conditions=@batchain/source'],
  };
}
