// Opens the page of alerts in a real browser, silences what fires after a preview, and ends the silence.
//
//     node test/alerts.mjs http://127.0.0.1:8641 ALERT [screenshot.png]

import { drive, overflow } from './drive.mjs';

const [url, alert, screenshot] = process.argv.slice(2);

await drive(screenshot, {}, async (page) => {
  const rows = { active: '#alerts-groups', silences: '#alerts-silences-table', muted: '#silence-muted', rules: '#alerts-rules-table', history: '#alerts-changes', notifications: '#alerts-notifications' };
  const row = (table) => page.locator(`${rows[table]} tr`, { hasText: alert });
  const part = (name) => page.locator('#alerts-views').getByRole('link', { name }).click();

  await page.goto(url);
  await page.getByRole('link', { name: 'Alerts' }).click();
  await row('active').filter({ hasText: 'firing' }).waitFor();
  await part('History');
  await row('history').filter({ hasText: 'firing' }).first().waitFor();
  await part('Who was told');
  await row('notifications').filter({ hasText: 'told' }).first().waitFor();
  // A rule, its graph, and what it would have told were it another one.
  await part('Rules');
  await row('rules').getByRole('link').click();
  await page.locator('[data-chart="rule"][data-points]:not([data-points="0"]) .marks a').first().waitFor();
  const before = await page.getByLabel('Rule', { exact: true }).inputValue();
  await page.getByLabel('Over the last').selectOption('86400');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#replay-changes .fires').first().waitFor();
  await page.getByLabel('Rule', { exact: true }).fill(before.replace('vector(1)', 'vector(1) > 2'));
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#replay-changes .gone').first().waitFor();
  await page.locator('[data-chart="replay"]', { hasText: 'fires > 2' }).waitFor();
  await page.getByLabel('Rule', { exact: true }).fill(before.replace('vector(1)', 'vector(1'));
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#alerts-problem', { hasText: 'rules:' }).waitFor();
  await page.goBack();
  await part('Active');
  await row('active').filter({ hasText: 'firing' }).waitFor();
  // By a label; it stays in the address.
  await page.getByLabel('Together by').selectOption('team');
  await page.waitForFunction(() => location.hash.includes('group=team'));
  await page.locator('#alerts-groups summary', { hasText: 'onerror' }).waitFor();
  await page.getByLabel('Search alerts and rules').fill('no-alert-is-called-so');
  await page.locator('#alerts-groups', { hasText: 'No alert is like this' }).waitFor();
  await page.getByLabel('Search alerts and rules').fill(alert);
  await row('active').first().waitFor();

  // Labels are texts, whatever they look like.
  if (!(await row('active').textContent()).includes('<img')) throw new Error('the label that looks like HTML is not shown as it is');
  if ((await page.locator('#alerts-page img').count()) > 0) throw new Error('a label has become HTML');

  // By keyboard: what fires is silenced once it is said what that mutes.
  await row('active').getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Comment').fill('being mended');
  if (await page.locator('#silence-make').isEnabled()) throw new Error('a silence can be made without a preview');
  await page.keyboard.press('Enter');
  await page.locator('#silence-preview', { hasText: 'mutes 1 alert' }).waitFor();
  await row('muted').waitFor();
  // Another alert's button is another silence: what was said before does not hold for it.
  await part('Active');
  await row('active').getByRole('button').click();
  if (await page.locator('#silence-make').isEnabled()) throw new Error('the preview of other matchers still counts');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#silence-preview', { hasText: 'mutes 1 alert' }).waitFor();
  if ((await row('silences').count()) > 0) throw new Error('the preview has made a silence');
  await page.locator('#silence-make').click();
  await row('silences').filter({ hasText: 'being mended' }).waitFor();
  await part('Active');
  await row('active').filter({ hasText: 'silenced' }).waitFor();
  await part('Silences');
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  // Rows are made anew every few seconds; who is at a button stays there.
  await row('silences').getByRole('button', { name: 'Expire' }).focus();
  await page.waitForTimeout(6_000);
  await page.keyboard.press('Enter');
  await page.locator(rows.silences, { hasText: 'Nothing is silenced' }).waitFor();
  await page.getByLabel('those that are over').check();
  await row('silences').filter({ hasText: 'expired' }).getByRole('button', { name: 'again' }).click();
  if ((await page.getByLabel('Comment').inputValue()) !== 'being mended') throw new Error('a silence that is over does not fill the form');
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const name of ['Active', 'Silences', 'Rules', 'Who was told', 'History']) {
      await part(name);
      const over = await overflow(page);
      if (over > 0) throw new Error(`${name} is ${over} pixels too wide at ${width}`);
    }
  }
  await part('Silences');

  await page.getByLabel('Matchers').fill('alertname=');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.locator('#alerts-problem', { hasText: 'Write matchers such as' }).waitFor();
  // A rule is changed, replayed and saved; what it says then is in force. What was not replayed is not saved.
  await part('Rules');
  await row('rules').getByRole('link').click();
  const text = page.getByLabel('Rule', { exact: true });
  await page.waitForFunction(() => document.getElementById('replay-rule').value.startsWith('# Kept by ops.'));
  const whole = await text.inputValue();
  const save = page.locator('#rule-save').getByRole('button', { name: 'Save' });
  const replay = async (changed) => {
    await text.fill(changed);
    if (await save.isEnabled()) throw new Error('what was not replayed can be saved');
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.locator('#replay-said', { hasText: 'evaluations' }).waitFor();
  };
  await page.getByLabel('Over the last').selectOption('86400');
  await replay(whole);
  if (await save.isEnabled()) throw new Error('what is in force already can be saved');
  await replay(whole.replace('vector(1)', 'vector(7) > 6'));
  await save.click();
  await page.locator('#rule-saved', { hasText: 'is saved' }).waitFor();
  await page.locator('#rule-facts', { hasText: 'vector(7) > 6' }).waitFor();
  await page.waitForFunction(() => document.getElementById('replay-rule').value.includes('vector(7) > 6'));
  await page.getByRole('link', { name: 'Host', exact: true }).click();
  await page.locator('#host-title').waitFor();
  return 'an alert was seen, silenced and heard again, and its rule saved';
});
