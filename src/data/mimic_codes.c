/// Which codes, drugs and words an admission has.
#include "mimic_parts.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct KindRule {
  const char *modality, *table;
  const char *column[4]; // hadm_id, what, version or NULL, time or NULL
} KindRule;

static const KindRule rules[CODE_KINDS] = {
    {"diagnoses", "diagnoses_icd", {"hadm_id", "icd_code", "icd_version", NULL}},
    {"procedures", "procedures_icd", {"hadm_id", "icd_code", "icd_version", "chartdate"}},
    {"medication", "prescriptions", {"hadm_id", "drug", NULL, "starttime"}},
};

const char *code_kind_name(CodeKind kind) { return rules[kind].modality; }

/// The admission of the current row, if it is a member of the cohort; `last` saves looking up neighbours again.
static Status find_member(const Admission **member, const Cohort *cohort, const Sheet *sheet, int column,
                          const Admission **last) {
  int64_t id;
  *member = NULL;
  if (!sheet_has(sheet, column))
    return STATUS_OK;
  TRY(sheet_integer(&id, sheet, column));
  if (!*last || (*last)->id != id)
    *last = cohort_admission(cohort, id);
  *member = *last && (*last)->row >= 0 ? *last : NULL;
  return STATUS_OK;
}

static Status take_code(CodeSets *sets, const Cohort *cohort, Sheet *sheet, const KindRule *rule,
                        const Admission **last) {
  enum { ID, WHAT, VERSION, TIME };
  const Admission *member;
  int64_t time;
  int number;
  TRY(find_member(&member, cohort, sheet, ID, last));
  if (!member || !sheet_has(sheet, WHAT) || (rule->column[TIME] && !sheet_has(sheet, TIME)))
    return STATUS_OK;
  if (rule->column[TIME]) {
    TRY(sheet_time(&time, sheet, TIME));
    if (time > member->discharge)
      return STATUS_OK;
  }
  sheet->used++;
  if (rule->column[VERSION]) {
    char *code = text_format("ICD%s:%s", sheet_text(sheet, VERSION), sheet_text(sheet, WHAT));
    Status status = words_number(&number, &sets->words, code);
    free(code);
    TRY(status);
  } else {
    sheet_lower(sheet, WHAT);
    TRY(words_number(&number, &sets->words, sheet_text(sheet, WHAT)));
  }
  return code_sets_add(sets, member->row, number);
}

static Status take_codes(CodeSets *sets, const Cohort *cohort, Sheet *sheet, const KindRule *rule) {
  const Admission *last = NULL;
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      return STATUS_OK;
    TRY(take_code(sets, cohort, sheet, rule, &last));
  }
}

Status mimic_codes(CodeSets sets[CODE_KINDS], Cohort *cohort, Dataset *dataset, const MimicOptions *options) {
  for (int k = 0; k < CODE_KINDS; k++) {
    Sheet sheet;
    Status status = cohort_table(&sheet, options, rules[k].table, NULL, rules[k].column, 4);
    if (!status.code)
      status = take_codes(&sets[k], cohort, &sheet, &rules[k]);
    if (!status.code)
      cohort_table_done(cohort, &sheet, rules[k].table);
    sheet_close(&sheet);
    TRY(status);
    TRY(code_sets_finish(&sets[k], dataset, rules[k].modality, 0));
  }
  return STATUS_OK;
}

// --- notes -------------------------------------------------------------------------------------------------------------

/// A to Z, a to z, digits, and whatever is not ASCII; so the underscores that replace names are no words.
static bool is_letter(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80; }

/// The words of two bytes or more of text[size], in lower case, hashed (Weinberger et al., ICML 2009, without signs).
static Status take_words(CodeSets *sets, int64_t row, const char *text, size_t size, int buckets) {
  for (size_t at = 0; at < size;) {
    size_t end = at;
    while (end < size && is_letter((unsigned char)text[end]))
      end++;
    if (end - at >= 2)
      TRY(code_sets_add(sets, row, (int)(hash_bytes(text + at, end - at) % (uint64_t)buckets)));
    at = end + 1;
  }
  return STATUS_OK;
}

static Status take_note(CodeSets *sets, Cohort *cohort, Sheet *sheet, int buckets, int64_t *missing,
                        const Admission **last) {
  static const char begins[] = "Brief Hospital Course:", ends[] = "Medications on Admission:";
  enum { ID, TEXT };
  const Admission *member;
  TRY(find_member(&member, cohort, sheet, ID, last));
  if (!member)
    return STATUS_OK;
  const char *text = sheet_text(sheet, TEXT), *begin = strstr(text, begins), *end = strstr(text, ends);
  if (!begin || !end || end < begin + sizeof begins - 1) {
    ++*missing;
    return STATUS_OK;
  }
  size_t first = (size_t)(begin - text) + sizeof begins - 1, size = (size_t)(end - text) - first;
  sheet_lower(sheet, TEXT);
  sheet->used++;
  return take_words(sets, member->row, text + first, size, buckets);
}

static Status take_notes(CodeSets *sets, Cohort *cohort, Sheet *sheet, int buckets, int64_t *missing) {
  const Admission *last = NULL;
  for (bool more;;) {
    TRY(sheet_next(sheet, &more));
    if (!more)
      return STATUS_OK;
    TRY(take_note(sets, cohort, sheet, buckets, missing, &last));
  }
}

Status mimic_notes(Cohort *cohort, Dataset *dataset, const MimicOptions *options, int64_t *missing) {
  static const char *const column[] = {"hadm_id", "text"};
  CodeSets sets = {0};
  Sheet sheet;
  Status status = cohort_table(&sheet, options, "discharge", options->notes, column, 2);
  if (!status.code)
    status = take_notes(&sets, cohort, &sheet, options->note_words, missing);
  if (!status.code)
    cohort_table_done(cohort, &sheet, "discharge");
  sheet_close(&sheet);
  if (!status.code)
    status = code_sets_finish(&sets, dataset, "notes", options->note_words);
  code_sets_free(&sets);
  return status;
}
