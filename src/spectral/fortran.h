#ifndef SPECTRAL_FORTRAN_H
#define SPECTRAL_FORTRAN_H
/// What no header declares: LAPACK's and ScaLAPACK's Fortran (a hidden length behind the list for every character), and the C side of BLACS.
#include <mpi.h>
#include <stddef.h>

void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu, double *vt,
             const int *ldvt, double *work, const int *lwork, int *iwork, int *info, size_t job_length);
void dsyevd_(const char *job, const char *half, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
             int *iwork, const int *liwork, int *info, size_t job_length, size_t half_length);
void dposv_(const char *half, const int *n, const int *m, double *a, const int *lda, double *b, const int *ldb, int *info,
            size_t half_length);

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
void Cblacs_gridexit(int context);

void descinit_(int *desc, const int *m, const int *n, const int *mb, const int *nb, const int *first_row, const int *first_column,
               const int *context, const int *lld, int *info);
void pdgesvd_(const char *job_u, const char *job_vt, const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc_a,
              double *s, double *u, const int *iu, const int *ju, const int *desc_u, double *vt, const int *ivt, const int *jvt,
              const int *desc_vt, double *work, const int *lwork, int *info, size_t job_u_length, size_t job_vt_length);
void pdgeqrf_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc_a, double *tau, double *work,
              const int *lwork, int *info);
void pdgelqf_(const int *m, const int *n, double *a, const int *ia, const int *ja, const int *desc_a, double *tau, double *work,
              const int *lwork, int *info);

void pdlarft_(const char *direction, const char *stored, const int *n, const int *k, double *v, const int *iv, const int *jv, const int *desc_v,
              const double *tau, double *t, double *work, size_t direction_length, size_t stored_length);
void pdlarfb_(const char *side, const char *transposed, const char *direction, const char *stored, const int *m, const int *n, const int *k,
              const double *v, const int *iv, const int *jv, const int *desc_v, const double *t, double *c, const int *ic, const int *jc,
              const int *desc_c, double *work, size_t side_length, size_t transposed_length, size_t direction_length,
              size_t stored_length);

void dgbbrd_(const char *vectors, const int *m, const int *n, const int *ncc, const int *lower, const int *upper, double *ab, const int *ldab,
             double *d, double *e, double *q, const int *ldq, double *pt, const int *ldpt, double *c, const int *ldc, double *work,
             int *info, size_t vectors_length);
void dbdsqr_(const char *half, const int *n, const int *ncvt, const int *nru, const int *ncc, double *d, double *e, double *vt,
             const int *ldvt, double *u, const int *ldu, double *c, const int *ldc, double *work, int *info, size_t half_length);

#endif
