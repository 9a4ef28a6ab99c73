// Words of somebody never become markup, and fields never become formulas or columns.
#include "report/page.h"

#include "check.h"

#include <math.h>
#include <string.h>

static void words(const char *from, const char *want) {
  Page page = {0};
  page_add(&page, "%s", "");
  page_words(&page, from);
  CHECK(!strcmp(page.text, want), "\"%s\" became \"%s\", not \"%s\"", from, page.text, want);
  page_free(&page);
}

static void field(const char *from, const char *want) {
  Page page = {0};
  page_add(&page, "%s", "");
  page_field(&page, from);
  CHECK(!strcmp(page.text, want), "\"%s\" became %s, not %s", from, page.text, want);
  page_free(&page);
}

#define GONE "\xef\xbf\xbd"

int main(void) {
  words("plain", "plain");
  words("<script>alert('x')</script> & \"y\"", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;");
  words("\x01\x1b[31m\x7f", GONE GONE "[31m" GONE);
  words("\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e", "\xc3\xa9 \xe2\x82\xac \xf0\x9d\x84\x9e"); // é € 𝄞
  words("\xc3", GONE);
  words("\xe9t\xe9", GONE "t" GONE);              // Latin-1
  words("\xc0\xbc", GONE GONE);                   // an overlong <
  words("\xed\xa0\x80", GONE GONE GONE);          // a surrogate
  words("\xf4\x90\x80\x80", GONE GONE GONE GONE); // above U+10FFFF
  field("0.5", "0.5");
  field("-3", "-3");
  field("a,b", "\"a,b\"");
  field("say \"x\"", "\"say \"\"x\"\"\"");
  field("=1+1", "\"'=1+1\"");
  CHECK(!strcmp(page_number(NAN, 3).text, "–"), "NaN is written %s", page_number(NAN, 3).text);
  CHECK(!strcmp(page_number(0.125, 3).text, "0.125"), "0.125 is written %s", page_number(0.125, 3).text);
  return 0;
}
