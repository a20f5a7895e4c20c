/* `%name%` in values stands for values that pipelines give. */
#include "sigma/compile.h"

bool sigma_item_expand(struct rule *rule, struct sigma_item *item)
{
    (void)rule;
    (void)item;
    return true;
}
