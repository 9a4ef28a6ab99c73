// A few made-up tables in MIMIC-IV's form become the samples, labels, codes and z-values that the rules say, worked out by hand.
#include "data/mimic.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "check.h"
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/rebasis-mimic-XXXXXX"; // lint: allow, a scratch folder of this test

static const char *place(const char *name) {
  static char path[4][256];
  static int next;
  char *text = path[next++ % 4];
  snprintf(text, 256, "%s/%s", directory, name);
  return text;
}

static void put(const char *name, const char *text) {
  FILE *file = fopen(place(name), "w");
  CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", name);
}

// Patient 2 dies at the begin of 10 April; 90 days before that is 10 January (2100 has no 29 February).
static const char patients[] = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
                               "1,F,50,2150,a,\n"
                               "4,M,88,2130,a,\n"
                               "2,M,60,2100,a,2100-04-10\n"
                               "3,F,17,2120,a,\n"
                               "5,F,30,2140,a,2140-12-31\n";

// In no order; columns elsewhere than in the original. Kept, by patient and time: 101 102 104 105 106 204 203 201 302 401 501.
static const char admissions[] =
    "hadm_id,race,subject_id,dischtime,admittime,hospital_expire_flag,admission_type\n"
    "106,\"WHITE, OTHER\",1,2150-12-02 12:00:00,2150-12-01 12:00:00,0,URGENT\n"
    "101,\"WHITE, OTHER\",1,2150-01-03 10:00:00,2150-01-01 08:00:00,0,URGENT\n"
    "102,\"WHITE, OTHER\",1,2150-01-28 09:59:59,2150-01-18 09:59:59,0,URGENT\n" // 10 days
    "103,\"WHITE, OTHER\",1,2150-02-23 09:59:59,2150-02-13 09:59:58,0,URGENT\n" // and a second: too long
    "104,\"WHITE, OTHER\",1,2150-06-02 00:00:00,2150-06-01 00:00:00,0,URGENT\n"
    "105,\"WHITE, OTHER\",1,2150-09-01 12:00:00,2150-08-31 23:59:59,0,URGENT\n"
    "202,ASIAN,2,2100-04-09 00:00:00,2100-04-08 00:00:00,1,URGENT\n" // died there
    "201,ASIAN,2,2100-01-10 00:00:00,2100-01-09 20:00:00,0,URGENT\n"
    "203,ASIAN,2,2100-01-09 12:00:00,2100-01-08 00:00:00,0,URGENT\n"
    "204,ASIAN,2,2100-01-02 00:00:00,2100-01-01 00:00:00,0,URGENT\n"
    "301,ASIAN,3,2120-12-31 23:00:00,2120-12-31 22:00:00,0,URGENT\n"   // 17
    "302,ASIAN,3,2121-01-02 00:00:00,2121-01-01 00:00:00,0,URGENT\n"   // 18 by the years
    "402,BLACK,4,2132-01-03 00:00:00,2132-01-01 01:00:00,0,ELECTIVE\n" // 90
    "401,BLACK,4,2131-12-31 23:00:00,2131-12-31 01:00:00,0,URGENT\n"   // 89
    "501,ASIAN,5,2140-12-31 15:00:00,2140-12-30 10:00:00,0,EW EMER.\n";

static const char diagnoses[] = "icd_version,subject_id,hadm_id,seq_num,icd_code\n"
                                "9,1,101,1,A\n9,1,101,2,B\n9,1,101,3,A \n10,1,102,1,A\n9,1,103,1,Z\n9,1,104,1,C\n"
                                "9,1,104,2,B\n9,1,105,1,C\n9,7,999,1,A\n";

static const char procedures[] = "subject_id,hadm_id,seq_num,chartdate,icd_code,icd_version\n"
                                 "1,101,1,2150-01-03,X,9\n1,101,2,2150-01-04,Y,9\n1,102,1,,Y,9\n";

static const char prescriptions[] = "hadm_id,starttime,drug\n"
                                    "101,2150-01-02 08:00:00,Heparin\n"
                                    "101,2150-01-02 09:00:00,HEPARIN \n"
                                    "101,2150-01-03 10:00:00,\"Aspirin, \"\"low\"\"\n81 mg\"\n"
                                    "101,2150-01-03 10:00:01,Late\n"
                                    "101,,Timeless\n"
                                    "102,2150-01-19 00:00:00,\"Aspirin, \"\"low\"\"\n81 mg\"\n"
                                    "104,2150-06-01 00:00:00,\n";

static const char items[] = "itemid,label,fluid,category\n"
                            "54,Lactate,Blood,Blood Gas\n"
                            "51,\"Sodium, Whole Blood\",Blood,Blood Gas\n"
                            "50,pH,Blood,Blood Gas\n"
                            "52,Glucose,Blood,Blood Gas\n"
                            "53,WBC Count,Blood,Blood Gas\n";

// 52 is not asked for, 53 never varies, 54 has no value that counts.
static const char events[] =
    "labevent_id,subject_id,hadm_id,itemid,charttime,storetime,value,valuenum,flag\n"
    "0,1,101,50,2150-01-01 09:00:00,2150-01-01 10:00:00,7.1,7.1,abnormal\n" // first in time too
    "1,1,101,50,2150-01-01 09:00:00,2150-01-02 09:00:00,7.4,7.4,\n"
    "2,1,101,50,2150-01-02 09:00:00,2150-01-01 12:00:00,7.0,7.0,\n"     // stored earlier
    "3,1,101,50,2150-01-02 09:00:00,2150-01-03 10:00:01,9,9,abnormal\n" // after discharge
    "4,1,101,50,2150-01-02 09:00:00,,9,9,\n"
    "5,1,,50,2150-01-02 09:00:00,2150-01-02 09:00:00,9,9,\n"
    "6,1,101,50,2150-01-02 09:00:00,2150-01-02 09:00:00,\"see\ncomment\",,\n"
    "7,1,101,52,2150-01-01 09:00:00,2150-01-01 09:00:00,100,100,\n"
    "8,1,102,50,2150-01-19 00:00:00,2150-01-19 00:00:00,7.2,7.2,\n"
    "9,1,104,51,2150-06-01 00:00:00,2150-06-01 00:00:00,140,140,\n"
    "10,1,105,51,2150-09-01 00:00:00,2150-09-01 00:00:00,130,130,abnormal\n"
    "11,2,203,50,2100-01-08 00:00:00,2100-01-08 00:00:00,6.9,6.9,\n"
    "12,2,201,50,2100-01-09 21:00:00,2100-01-09 21:00:00,7.6,7.6,\n"
    "13,2,204,51,2100-01-01 00:00:00,2100-01-01 00:00:00,150,150,\n"
    "14,3,302,51,2121-01-01 01:00:00,2121-01-01 01:00:00,120,120,\n"
    "15,3,302,51,2121-01-01 01:00:00,2121-01-01 01:00:00,124,124,\n" // as late: further down is last
    "16,4,401,50,2131-12-31 02:00:00,2131-12-31 02:00:00,7.9,7.9,\n"
    "17,5,501,53,2140-12-30 11:00:00,2140-12-30 11:00:00,5,5,\n"
    "18,1,106,53,2150-12-01 13:00:00,2150-12-01 13:00:00,5,5,\n"
    "19,1,103,54,2150-02-14 00:00:00,2150-02-14 00:00:00,1,1,\n";

static const char notes[] = "note_id,subject_id,hadm_id,text\n"
                            "a,1,101,\"Allergies: none\nBrief Hospital Course:\nMr. ___ had a CT, a ct; was well\n"
                            "Medications on Admission:\nsecret\"\n"
                            "b,1,102,no heading here\n"
                            "c,1,103,\"Brief Hospital Course: gone Medications on Admission:\"\n";

static void put_all(void) {
  put("patients.csv", patients);
  put("admissions.csv", admissions);
  put("diagnoses_icd.csv", diagnoses);
  put("procedures_icd.csv", procedures);
  put("prescriptions.csv", prescriptions);
  put("d_labitems.csv", items);
  put("labevents.csv", events);
  put("notes.csv", notes);
}

enum { ROWS = 11 };

static MimicOptions options_here(void) {
  MimicOptions options = MIMIC_DEFAULTS;
  options.mimic = directory;
  options.validation = 0;
  options.test = 0.4;
  return options;
}

static void import(Dataset *d, const MimicOptions *options) {
  Status status = mimic_write(options, place("out.h5"));
  CHECK(status.code == 0, "%s", status.text);
  status = dataset_open(d, place("out.h5"), NULL);
  for (int i = 0; i < d->modalities && !status.code; i++)
    status = dataset_load(d, place("out.h5"), i);
  CHECK(status.code == 0, "%s", status.text);
}

static const DatasetModality *modality(const Dataset *d, const char *name) {
  int index = dataset_modality(d, name);
  CHECK(index >= 0, "there is no modality %s", name);
  return &d->modality[index];
}

static void check_cohort(const Dataset *d) {
  static const char *const id[ROWS] = {"1", "1", "1", "1", "1", "2", "2", "2", "3", "4", "5"};
  // 101: back after 14 d 23:59:59. 102: after 15 d 23:59:59. 104: after 90 d 23:59:59, which is not beyond day 90. 105: after 91 d.
  // 204: dies after 98 d. 203: after 90 d 12 h. 201: after 90 d. 501: on the day of discharge.
  static const int32_t mortality[ROWS] = {-1, -1, -1, 0, -1, 0, 1, 1, -1, -1, 1};
  static const int32_t readmission[ROWS] = {1, 1, 0, 0, -1, 1, 1, 0, -1, 1, -1};
  CHECK(d->samples == ROWS, "%lld samples, not %d", (long long)d->samples, ROWS);
  const DatasetTask *task[2] = {&d->task[dataset_task(d, "mortality")], &d->task[dataset_task(d, "readmission")]};
  for (int n = 0; n < ROWS; n++) {
    CHECK(!strcmp(d->ids[n], id[n]), "row %d is of patient %s, not %s", n, d->ids[n], id[n]);
    CHECK(task[0]->labels[n] == mortality[n], "mortality of row %d is %d", n, task[0]->labels[n]);
    CHECK(task[1]->labels[n] == readmission[n], "readmission of row %d is %d", n, task[1]->labels[n]);
  }
  CHECK(task[0]->binary && task[1]->binary, "tasks are binary");
  CHECK(strstr(d->provenance, "\"excluded_over_10_days\": 1") && strstr(d->provenance, "\"excluded_by_age\": 2") &&
            strstr(d->provenance, "\"excluded_died_in_hospital\": 1"),
        "counts: %s", d->provenance);
}

static void check_demographics(const Dataset *d) {
  static const double age[ROWS] = {.5, .5, .5, .5, .5, .6, .6, .6, .18, .89, .3};
  // age | F M | ASIAN, WHITE, OTHER (5 each: by name), BLACK | URGENT, EW EMER.; ELECTIVE was excluded
  static const char *const one_hot[5] = {"1001010", "0110010", "1010010", "0100110", "1010001"};
  const DatasetModality *m = modality(d, "demographics");
  CHECK(m->width == 8, "%lld columns", (long long)m->width);
  for (int n = 0; n < ROWS; n++) {
    const float *row = m->values + n * m->width;
    CHECK(row[0] == (float)age[n], "age of row %d: %g", n, (double)row[0]);
    for (int k = 0; k < 7; k++)
      CHECK(row[k + 1] == (float)(one_hot[atoi(d->ids[n]) - 1][k] - '0'), "row %d, column %d: %g", n, k + 1,
            (double)row[k + 1]);
  }
}

/// Codes of the rows as "0,3;2;;…".
static void check_codes(const Dataset *d, const char *name, int vocabulary, const char *want) {
  const DatasetModality *m = modality(d, name);
  char text[256] = "";
  for (int n = 0; n < ROWS; n++) {
    for (int64_t i = m->offsets[n]; i < m->offsets[n + 1]; i++)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i > m->offsets[n] ? "," : "", m->codes[i]);
    snprintf(text + strlen(text), sizeof text - strlen(text), ";");
    CHECK(m->present[n] == (m->offsets[n + 1] > m->offsets[n]), "%s: row %d is present without codes", name, n);
  }
  CHECK(m->vocabulary == vocabulary && !strcmp(text, want), "%s: of %d: %s, not of %d: %s", name, m->vocabulary, text,
        vocabulary, want);
}

typedef struct Event {
  int row, item; // item: 0 (pH) or 1 (sodium)
  double value;
} Event;

static void check_labs(const Dataset *d) {
  // Those that count, each admission's last value at its end.
  static const Event event[] = {{0, 0, 7.1}, {0, 0, 7.0}, {0, 0, 7.4}, {1, 0, 7.2}, {6, 0, 6.9}, {7, 0, 7.6},
                                {9, 0, 7.9}, {2, 1, 140}, {3, 1, 130}, {5, 1, 150}, {8, 1, 120}, {8, 1, 124}};
  enum { EVENTS = sizeof event / sizeof *event };
  const DatasetModality *m = modality(d, "labs");
  CHECK(m->width == 8, "%lld numbers: two items vary", (long long)m->width);
  double want[ROWS][8] = {{0}}, values[ROWS][2] = {{0}};
  for (int item = 0; item < 2; item++) {
    double sum = 0, squares = 0, n = 0;
    int elsewhere = 0;
    for (int e = 0; e < EVENTS; e++)
      if (event[e].item == item && d->split[event[e].row] == SPLIT_TRAIN) {
        sum += event[e].value;
        n++;
      } else
        elsewhere += event[e].item == item;
    for (int e = 0; e < EVENTS; e++)
      if (event[e].item == item && d->split[event[e].row] == SPLIT_TRAIN)
        squares += (event[e].value - sum / n) * (event[e].value - sum / n);
    CHECK(n > 1 && (elsewhere > 0 || item), "the split leaves nothing to check");
    for (int e = 0; e < EVENTS; e++)
      if (event[e].item == item) {
        double *to = want[event[e].row] + 4 * item, z = (event[e].value - sum / n) / sqrt(squares / (n - 1));
        values[event[e].row][item]++;
        to[1] += z;
        to[0] = z;
        to[3] = 1;
      }
  }
  for (int n = 0; n < ROWS; n++)
    for (int item = 0; item < 2; item++)
      want[n][4 * item + 1] /= values[n][item] > 0 ? values[n][item] : 1;
  want[0][2] = want[3][6] = 1; // flagged
  for (int n = 0; n < ROWS; n++) {
    CHECK(m->present[n] == (want[n][3] + want[n][7] > 0), "row %d: present %d", n, m->present[n]);
    for (int k = 0; k < 8; k++)
      CHECK(fabs(m->values[n * 8 + k] - want[n][k]) < 1e-5, "row %d, number %d: %g, not %g", n, k,
            (double)m->values[n * 8 + k], want[n][k]);
  }
}

static void check_notes(const Dataset *d) {
  static const char *const words[] = {"mr", "had", "ct", "was", "well"}; // not "a": one byte
  const DatasetModality *m = modality(d, "notes");
  uint8_t bucket[1 << 16] = {0};
  CHECK(m->vocabulary == 1 << 16 && m->entries == 5 && m->offsets[1] == 5 && m->present[0] && !m->present[1],
        "%lld words", (long long)m->entries);
  for (int i = 0; i < 5; i++)
    bucket[m->codes[i]] = 1;
  for (int i = 0; i < 5; i++)
    CHECK(bucket[hash_bytes(words[i], strlen(words[i])) % (1 << 16)], "%s", words[i]);
  CHECK(strstr(d->provenance, "\"notes_without_headings\": 1"), "%s", d->provenance);
}

static void check_all(void) {
  Dataset d;
  MimicOptions options = options_here();
  char *path = text_format("%s", place("notes.csv"));
  options.notes = path;
  options.note_words = 1 << 16;
  import(&d, &options);
  check_cohort(&d);
  check_demographics(&d);
  // B and C in two admissions each, then ICD10:A and ICD9:A
  check_codes(&d, "diagnoses", 4, "0,3;2;0,1;1;;;;;;;;");
  check_codes(&d, "procedures", 1, "0;;;;;;;;;;;");
  check_codes(&d, "medication", 2, "0,1;0;;;;;;;;;;");
  check_labs(&d);
  check_notes(&d);
  dataset_free(&d);
  free(path);
}

/// Stays are found by time where the table does not name admissions.
static void check_labs_by_time(void) {
  Dataset d;
  MimicOptions options = options_here();
  put("times.csv", "subject_id,charttime,itemid,valuenum\n"
                   "1,2150-01-01 07:59:59,50,1\n" // before 101
                   "1,2150-01-01 08:00:00,50,2\n"
                   "1,2150-01-03 10:00:00,50,4\n"
                   "1,2150-01-03 10:00:01,50,8\n" // after it
                   "1,2150-02-14 00:00:00,50,8\n" // 103 is excluded
                   "4,2131-12-31 12:00:00,50,16\n"
                   "6,2131-12-31 12:00:00,50,16\n");
  char *path = text_format("%s", place("times.csv"));
  options.labevents = path;
  options.test = 0;
  import(&d, &options);
  const DatasetModality *m = modality(&d, "labs");
  double mean = 22 / 3.0, deviation = sqrt((4 + 16 + 256 - 3 * mean * mean) / 2);
  CHECK(m->width == 4 && m->present[0] && m->present[9], "two stays");
  for (int n = 0; n < ROWS; n++)
    CHECK(m->present[n] == (n == 0 || n == 9), "row %d", n);
  CHECK(fabs(m->values[0] - (4 - mean) / deviation) < 1e-5 && fabs(m->values[1] - (3 - mean) / deviation) < 1e-5 &&
            fabs(m->values[36] - (16 - mean) / deviation) < 1e-5 && m->values[2] == 0,
        "%g %g %g", (double)m->values[0], (double)m->values[1], (double)m->values[36]);
  dataset_free(&d);
  options.labevents = "none";
  import(&d, &options);
  CHECK(dataset_modality(&d, "labs") < 0 && dataset_modality(&d, "notes") < 0 && d.modalities == 4, "no labs");
  dataset_free(&d);
  free(path);
}

static void check_splits(void) {
  int apart = 0;
  for (uint64_t seed = 1; seed < 9; seed++) {
    Dataset d;
    MimicOptions options = options_here();
    options.seed = seed;
    options.labevents = "none";
    options.split = MIMIC_BY_PATIENT;
    options.test = 0.5; // of each kind of patient: all but one of 1 and 4
    import(&d, &options);
    int count[SPLITS] = {0};
    for (int n = 0; n < ROWS; n++) {
      CHECK(n == 0 || strcmp(d.ids[n], d.ids[n - 1]) || d.split[n] == d.split[n - 1], "a patient is in two splits");
      count[d.split[n]]++;
    }
    CHECK((count[SPLIT_TRAIN] == 5 || count[SPLIT_TRAIN] == 1) && count[SPLIT_TEST] == ROWS - count[SPLIT_TRAIN],
          "%d train, %d test", count[SPLIT_TRAIN], count[SPLIT_TEST]);
    CHECK(strstr(d.provenance, "\"patients_in_training_and_test\": 0"), "%s", d.provenance);
    dataset_free(&d);
    options.split = MIMIC_BY_ADMISSION;
    options.test = 0.34; // of those who came back soon and of whom no more is known (101, 102, 401), one
    import(&d, &options);
    CHECK((d.split[0] == SPLIT_TEST) + (d.split[1] == SPLIT_TEST) + (d.split[9] == SPLIT_TEST) == 1, "one of three");
    apart += d.split[0] != d.split[1];
    dataset_free(&d);
  }
  CHECK(apart > 0, "admissions of a patient are never apart");
}

static void refuse(const char *name, const char *text, int code, const char *words) {
  MimicOptions options = options_here();
  put(name, text);
  Status status = mimic_write(&options, place("bad.h5"));
  CHECK(status.code == code && strstr(status.text, words), "%s: got %d \"%s\", not %d \"%s\"", name, status.code,
        status.text, code, words);
  CHECK(access(place("bad.h5"), F_OK) != 0, "%s: a file was left", name);
  put_all();
}

static void check_mistakes(void) {
  refuse("patients.csv", "", EXIT_DATA, "patients.csv:1:1: the file is empty");
  refuse("patients.csv", "subject_id,gender,anchor_age,anchor_yaer,dod\n", EXIT_DATA,
         "patients.csv:1:1: the header has no column \"anchor_year\"; is it \"anchor_yaer\"");
  refuse("patients.csv", "subject_id,gender,anchor_age,anchor_year,dod\n1,F,50,2150,\n1,F,50,2150,\n", EXIT_DATA,
         "subject_id 1 is there twice");
  refuse("patients.csv", "subject_id,gender,anchor_age,anchor_year,dod\n1,F,fifty,2150,\n", EXIT_DATA,
         "patients.csv:2:5: \"fifty\" is no whole number");
  refuse("patients.csv", "subject_id,gender,anchor_age,anchor_year,dod\n2,F,50,2150,2150-02-29\n", EXIT_DATA,
         "patients.csv:2:13: \"2150-02-29\" is no time");
  static const char head[] = "subject_id,hadm_id,admittime,dischtime,hospital_expire_flag,admission_type,race\n";
  static const struct {
    const char *row, *words;
  } bad[] = {
      {"", "admissions.csv:2:1: no row"},
      {"1,7,2150-01-01 00:00:00,2150-01-02 24:00:00,0,a,b\n",
       "admissions.csv:2:25: \"2150-01-02 24:00:00\" is no time"},
      {"1,7,2150-01-01 00:00:00,,0,a,b\n", "admissions.csv:2:25: \"\" is no time"},
      {"9,7,2150-01-01 00:00:00,2150-01-02 00:00:00,0,a,b\n", "admissions.csv:2:1: \"9\" is no subject_id"},
      {"1,7,2150-01-01 00:00:00,2150-01-02 00:00:00,2,a,b\n", "admissions.csv:2:45: \"2\" is not 0 or 1"},
      {"1,7,2150-01-01 00:00:00,2150-01-02 00:00:00,1,a,b\n", "none of 1 admissions"},
      {"1,7,2150-01-01 00:00:00,2150-01-02 00:00:00,0,a\n", "admissions.csv:2:47: a row of 6 cells; 7"},
      {"1,7,2150-01-01 00:00:00,2150-01-02 00:00:00,0,a,b\n4,7,2130-01-01 00:00:00,2130-01-02 00:00:00,0,a,b\n",
       "admissions.csv:3: hadm_id 7 stands in line 2 too"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[512];
    snprintf(text, sizeof text, "%s%s", head, bad[i].row);
    refuse("admissions.csv", text, EXIT_DATA, bad[i].words);
  }
  refuse("prescriptions.csv", "hadm_id,starttime,drug\n101,\"1\n2\",x\n", EXIT_DATA, "prescriptions.csv:2:5: ");
  refuse("prescriptions.csv", "hadm_id,starttime,drug\n101,2150-01-02,\"x\"y\n", EXIT_DATA,
         "prescriptions.csv:2:19: text behind");
  refuse("d_labitems.csv", "itemid,label\n50,pH\n50,pH\n", EXIT_DATA, "itemid 50 is there twice");
  refuse("labevents.csv", "subject_id,charttime,itemid,valuenum\n1,2150-01-02,50,7.x\n", EXIT_DATA,
         "labevents.csv:2:17: \"7.x\" is no finite");
  unlink(place("d_labitems.csv"));
  MimicOptions options = options_here();
  CHECK(mimic_write(&options, place("bad.h5")).code == EXIT_NO_INPUT, "no d_labitems");
  options.labevents = "/no/such/file.csv";
  CHECK(mimic_write(&options, place("bad.h5")).code == EXIT_NO_INPUT, "no labevents");
  options.labevents = NULL;
  options.note_words = 0;
  CHECK(mimic_write(&options, place("bad.h5")).code == EXIT_USAGE, "no buckets");
}

int main(void) {
  log_init(0, LOG_QUIET);
  CHECK(mkdtemp(directory), "a scratch folder");
  put_all();
  check_all();
  check_labs_by_time();
  check_splits();
  check_mistakes();
  static const char *const names[] = {"patients.csv",       "admissions.csv",    "diagnoses_icd.csv",
                                      "procedures_icd.csv", "prescriptions.csv", "labevents.csv",
                                      "notes.csv",          "times.csv",         "out.h5"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unlink(place(names[i]));
  CHECK(rmdir(directory) == 0, "nothing is left behind");
  return 0;
}
