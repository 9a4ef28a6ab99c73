#include "report/sections.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

// Digits that give a double back; empty for NaN.
static void value(Page *page, double number) {
  if (!isnan(number))
    page_add(page, "%.17g", number);
}

void csv_training(Page *page, const RunRecord *record) {
  if (record->tracks)
    page_add(page, "step,epoch,split,metric,value\n");
  for (int t = 0; t < record->tracks; t++)
    for (int i = 0; i < record->track[t].count; i++) {
      const Track *track = &record->track[t];
      page_add(page, "%.0f,", track->step[i]);
      value(page, track->done[i] - 1);
      page_add(page, ",");
      page_field(page, track->split);
      page_add(page, ",");
      page_field(page, track->key);
      page_add(page, ",");
      value(page, track->value[i]);
      page_add(page, "\n");
    }
}

static void evaluated(Page *page, const Evaluated *row, bool rate) {
  for (int s = 0; s < SCORES; s++) {
    if (isnan(row->value[s]))
      continue;
    page_field(page, row->name);
    page_add(page, ",");
    if (rate) {
      value(page, row->rate);
      page_add(page, ",");
    }
    if (row->n >= 0)
      page_add(page, "%lld", (long long)row->n);
    page_add(page, ",%s,", score_keys[s]);
    value(page, row->value[s]);
    page_add(page, ",");
    value(page, row->low[s]);
    page_add(page, ",");
    value(page, row->high[s]);
    page_add(page, ",");
    page_field(page, row->mask);
    page_add(page, "\n");
  }
}

void csv_patterns(Page *page, const RunRecord *record) {
  if (record->patterns)
    page_add(page, "present,n,metric,value,low,high,mask_xxh64\n");
  for (int i = 0; i < record->patterns; i++)
    evaluated(page, &record->pattern[i], false);
}

void csv_rates(Page *page, const RunRecord *record) {
  if (record->rates)
    page_add(page, "withheld,rate,n,metric,value,low,high,mask_xxh64\n");
  for (int i = 0; i < record->rates; i++)
    evaluated(page, &record->rate[i], true);
}

void csv_ranks(Page *page, const RunRecord *record) {
  if (record->spectra)
    page_add(page, "matrix,index,singular_value\n");
  for (int m = 0; m < record->spectra; m++)
    for (int i = 0; i < record->spectrum[m].count; i++) {
      page_field(page, record->spectrum[m].name);
      page_add(page, ",%d,", i + 1);
      value(page, record->spectrum[m].value[i]);
      page_add(page, "\n");
    }
}
