// Compiles the coding kernel. Run as a program it writes src/pipeline/erasure/simd-kernel-bytes.ts; the kernel's test calls compileKernel.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const SOURCE = new URL('./coding-kernel.ts', import.meta.url);
const TARGET = new URL('../src/pipeline/erasure/simd-kernel-bytes.ts', import.meta.url);

/** The WebAssembly module as bytes. */
export async function compileKernel() {
  const source = await readFile(SOURCE, 'utf8');
  let binary;
  const options = [
    'coding-kernel.ts',
    '--runtime',
    'stub',
    '--importMemory',
    '--noAssert',
    '--enable',
    'simd',
    '-O3',
    '--outFile',
    'kernel.wasm',
  ];
  const { error, stderr } = await asc.main(options, {
    readFile: (name) => (name === 'coding-kernel.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'kernel.wasm') binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(stderr.toString(), { cause: error });
  return binary;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = Buffer.from(await compileKernel()).toString('base64');
  const lines = text.match(/.{1,120}/g).map((line) => `  '${line}',`);
  await writeFile(
    TARGET,
    `// pure: the compiled coding kernel; made from assembly/coding-kernel.ts by \`npm run kernel\`, and a test compares the two.\n\n` +
      `/** A WebAssembly module, base64. */\nexport const SIMD_KERNEL_BASE64: string = [\n${lines.join('\n')}\n].join('');\n`,
  );
}
