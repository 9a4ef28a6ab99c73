#ifndef REPORT_SECTIONS_H
#define REPORT_SECTIONS_H
/// The parts of a run's page, in the order in which a reader asks; each leaves itself out when the run has nothing for it.
#include "report/page.h"
#include "report/run.h"

void section_summary(Page *page, const RunRecord *record);    // name, what it is, the numbers that matter
void section_missing(Page *page, const RunRecord *record);    // scores by pattern and over rates
void section_training(Page *page, const RunRecord *record);   // losses and scores over time
void section_modalities(Page *page, const RunRecord *record); // what was measured per modality while training
void section_ranks(Page *page, const RunRecord *record);      // singular values and ranks
void section_facts(Page *page, const RunRecord *record);      // configuration and hashes

/// The numbers behind the plots: nothing is added when there are none.
void csv_training(Page *page, const RunRecord *record); // step,epoch,split,metric,value
void csv_patterns(Page *page, const RunRecord *record); // present,n,metric,value,low,high,mask_xxh64
void csv_rates(Page *page, const RunRecord *record);    // withheld,rate,n,metric,value,low,high,mask_xxh64
void csv_ranks(Page *page, const RunRecord *record);    // matrix,index,singular_value

#endif
