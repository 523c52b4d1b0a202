// SESSION_PRESET's names. The presets themselves are loaded where one is configured: see presets.ts.

export const presetNames = [
  "plain",
  "symfony1",
  "symfony",
  "laravel",
  "codeigniter3",
  "codeigniter4",
  "laminas",
  "joomla",
  "yii2",
  "cakephp",
  "magento",
  "moodle",
  "mediawiki",
  "typo3",
  "opencart",
  "shopware6",
  "drupal",
  "phpbb",
  "wordpress",
] as const;

export type PresetName = (typeof presetNames)[number];
