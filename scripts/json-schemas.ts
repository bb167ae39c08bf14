// driven: writes docs/spec/local-api.schema.json from the schemas of the local API.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatJsonSchemas } from '@batchain/participant';

writeFileSync(fileURLToPath(new URL('../docs/spec/local-api.schema.json', import.meta.url)), formatJsonSchemas());
