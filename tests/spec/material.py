"""Specs that the tests of this room start from."""

from __future__ import annotations

MINIMAL = """\
name: spam
data:
  source: messages.csv
  label: label
"""

FULL = """\
name: spam
task: binary
owner: {team: trust, on_call: trust-oncall@example.com}
decision:
  objective: keep spam out
  prediction_point: when a message is submitted
  cost: {false_positive: 5, false_negative: 1}
  limits: {latency_ms: 50, review_per_day: 200}
data:
  source: messages.csv
  format: {delimiter: ";", encoding: utf-8, header: true, missing: ["", NA]}
  label: label
  positive: spam
  unlabelled: drop
  entity: user_id
  time: sent_at
  split:
    method: time
    gate: 25%
    validation: auto
    seed: 11
    duplicates: together
columns:
  text: {type: text, min_length: 2, max_length: 10000, personal: true, sanitise: true, truncate: false}
  user_id: {type: id}
  sent_at: {type: timestamp}
  amount: {type: number, min: 0, max: 1e6, missing: median, outliers: clip}
  limit: {type: number, missing: constant:0}
  plan: {type: category, values: [free, pro], unknown: other}
  verified: {type: boolean, missing: most_frequent}
  language: {type: category, pattern: "^[a-z]{2}$", default: en}
  spam_reports: {type: number, available: after_outcome}
features:
  text_statistics: [text]
  ngrams: {text: {words: [1, 2], characters: [2, 5], max_terms: 1000}}
  derived:
    - {name: used_share, op: ratio, of: [amount, limit]}
    - {name: hour, op: date_part, of: sent_at, part: hour}
    - {name: offers, op: keyword, of: text, words: [free, win]}
    - {name: size, op: bucket, of: amount, edges: [1, 10, 100]}
  stored: []
model:
  candidates: [logistic_regression, lightgbm]
  search: {trials: 0, timeout: 10m}
  margin: 0.002
  calibration: auto
policy:
  maximise: recall
  subject_to: {precision: 0.95}
  review: {within: 0.05}
  reasons:
    - {feature: url_count, op: ">", value: 2, reason: contains multiple URLs}
gates:
  roc_auc: {min: 0.9}
  log_loss: {max: majority}
  latency_p99_ms: {max: 20}
log: {inputs: features}
"""
