// driven: writes the last column of docs/REQUIREMENTS.md from the titles of the tests.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillRequirements, REQUIREMENTS_PATH, readRequirements, testsById } from '../test/arch/requirements-table.ts';
import { ROOT, readText } from '../test/arch/source-tree.ts';

const filled = fillRequirements(readText(REQUIREMENTS_PATH), testsById());
writeFileSync(join(ROOT, REQUIREMENTS_PATH), filled);
const rows = readRequirements(filled);
console.log(`${REQUIREMENTS_PATH}: ${rows.filter(({ shownBy }) => shownBy.length > 0).length} of ${rows.length} shown by tests`);
