// Opens every page, in both themes, and lets axe-core look for what keeps people from using it: no serious finding, and none worse.
//
//     node test/axe.mjs http://127.0.0.1:8641 HOST [screenshot.png]

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { drive } from './drive.mjs';

const [url, host, screenshot] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const PAGES = {
  fleet: ['#fleet', '#fleet-table td'],
  host: [`#host?host=${host}&range=5m`, '[data-chart="load"] .u-over'],
  explore: ['#explore?range=5m&q=system_cpu_utilization_ratio&q=sum(', '.mistake u'],
  table: ['#explore?range=5m&q=system_cpu_utilization_ratio&as=table', '#explore-table td'],
  json: ['#explore?range=5m&q=system_cpu_utilization_ratio&as=json', '#explore-text'],
  metrics: ['#metrics', '#catalogue a'],
  why: ['#why?match=system_cpu_logical_count%7Bhost%3D%22no-such-host%22%7D', '#why-stations td'],
  dashboards: ['#dashboards', '#boards a'],
  dashboard: ['#dashboards?name=host&range=5m', '.board-panel .u-over'],
  cardinality: ['#cardinality', '#cardinality-metrics td'],
  pipeline: ['#pipeline', '#stages figure'],
  alerts: ['#alerts', '#alerts-groups .firing'],
  silences: ['#alerts?view=silences', '#silence'],
  rules: ['#alerts?view=rules', '#alerts-rules-table a'],
  rule: ['#alerts?view=rules&rule=host/Always&range=5m', '[data-chart="rule"] .u-over'],
  told: ['#alerts?view=told&range=1d', '#alerts-notifications td'],
  history: ['#alerts?view=history&range=1d', '#alerts-changes td'],
};

await drive(screenshot, { bypassCSP: true }, async (page, mistakes) => {
  const look = async (what) => {
    // The list of completions is gone through with the editor's keys; it is never focused itself.
    const without = { include: [['html']], exclude: [[['.editor', '.cm-tooltip-autocomplete > ul']]] };
    const { violations } = await page.evaluate((context) => globalThis.axe.run(context, { resultTypes: ['violations'] }), without);
    for (const { id, impact, help, nodes } of violations.filter((one) => ['serious', 'critical'].includes(one.impact))) {
      mistakes.push(`${what}: ${impact} ${id} (${help}): ${nodes.slice(0, 4).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.split('\n').at(-1)}`).join(' | ')}`);
    }
  };
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [name, [hash, there]] of Object.entries(PAGES)) {
      await page.goto('about:blank');
      await page.goto(url + hash);
      await page.locator(there).first().waitFor();
      await page.addScriptTag({ content: axe });
      await look(`${name}, ${theme}`);
    }
    // What the bar has folded away; a token that nobody asks for does no harm.
    await page.evaluate(() => sessionStorage.setItem('token', 'none'));
    await page.goto('about:blank');
    await page.goto(`${url}#metrics`);
    await page.locator('#catalogue a').first().waitFor();
    for (const id of ['clock', 'bearer']) {
      await page.locator(`#${id} summary`).click();
      await page.locator(`#${id} .popup`).waitFor();
      await page.addScriptTag({ content: axe });
      await look(`${id}, ${theme}`);
      await page.locator(`#${id} summary`).click();
    }
    await page.evaluate(() => sessionStorage.removeItem('token'));
    // The editor, while it offers something.
    await page.goto(`${url}#explore?range=5m`);
    await page.getByLabel('PromQL').click();
    await page.locator('.cm-content').waitFor();
    await page.keyboard.type('sum(system_cp');
    await page.locator('.cm-tooltip-autocomplete').waitFor();
    await page.addScriptTag({ content: axe });
    await look(`editor, ${theme}`);
  }
  return `${Object.keys(PAGES).length + 3} looks have no serious finding, in either theme`;
});
