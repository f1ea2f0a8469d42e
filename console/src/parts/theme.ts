// Light, dark, or as the system has it.

const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
const NAMES: Record<Theme, string> = { auto: '◐ Auto', light: '☀ Light', dark: '☾ Dark' };

export const themeOf = (text: string | null): Theme => THEMES.find((theme) => theme === text) ?? 'auto';
export const themeAfter = (theme: Theme): Theme => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';

/** To be called once; what is drawn in colours of its own is drawn again after a change. */
export function startTheme(redraw: () => void): void {
  const button = document.getElementById('theme') as HTMLButtonElement;
  const wear = (theme: Theme) => {
    document.documentElement.dataset.theme = theme;
    button.textContent = NAMES[theme];
  };
  wear(themeOf(localStorage.getItem('theme')));
  button.addEventListener('click', () => {
    const theme = themeAfter(themeOf(localStorage.getItem('theme')));
    localStorage.setItem('theme', theme);
    wear(theme);
    redraw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}
