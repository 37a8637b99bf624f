# %% right: gather and scatter
def repetition_penalty(logits, ids, penalty):
    score = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(score < 0, score * penalty, score / penalty))

# %% right: a loop over the tokens of each row
def repetition_penalty(logits, ids, penalty):
    out = logits.tolist()
    for row, text in zip(out, ids.tolist()):
        for i in set(text):
            row[i] = row[i] / penalty if row[i] > 0 else row[i] * penalty
    return torch.tensor(out)

# %% right: a factor for each token, in double precision
def repetition_penalty(logits, ids, penalty=1.2, **other):
    seen = torch.nn.functional.one_hot(ids, logits.shape[-1]).amax(1)
    factor = torch.where(logits > 0, 1 / penalty, float(penalty)).double() ** seen
    return logits.double() * factor

# %% right: in place, row by row with indexing
def repetition_penalty(logits, ids, penalty):
    out = logits.clone()
    for row in range(out.shape[0]):
        places = ids[row].unique()
        values = out[row, places]
        out[row, places] = torch.min(values / penalty, values * penalty) if penalty >= 1 else torch.max(values / penalty, values * penalty)
    return out

# %% wrong: divides negative logits as well
# says: dividing a negative logit would raise it
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(seen, logits / penalty, logits)

# %% wrong: multiplies all
# says: a positive logit of a token in the text is divided
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(seen, logits * penalty, logits)

# %% wrong: penalises every token
# says: they stay as they are
def repetition_penalty(logits, ids, penalty):
    return torch.where(logits > 0, logits / penalty, logits * penalty)

# %% wrong: once for each occurrence
# says: penalised once
def repetition_penalty(logits, ids, penalty):
    times = torch.nn.functional.one_hot(ids, logits.shape[-1]).sum(1)
    return torch.where(logits > 0, logits / penalty**times, logits * penalty**times)

# %% wrong: subtracts the penalty
# says: a positive logit of a token in the text is divided
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return logits - seen * (penalty - 1.0)

# %% wrong: one text for all rows
# says: each row has its own text
def repetition_penalty(logits, ids, penalty):
    out = logits.clone()
    for i in set(ids.flatten().tolist()):
        out[:, i] = torch.where(out[:, i] > 0, out[:, i] / penalty, out[:, i] * penalty)
    return out

# %% wrong: only the first token
# says: every token of the text counts
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids[:, :1], True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)

# %% wrong: forbids what has occurred
# says: multiply -1 by the penalty
def repetition_penalty(logits, ids, penalty):
    return logits.scatter(-1, ids, -math.inf)

# %% wrong: looks back three tokens only
# says: the whole text counts, however long
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids[:, -3:], True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)

# %% wrong: changes the caller's logits
# says: the caller's logits have changed
def repetition_penalty(logits, ids, penalty):
    for row in range(len(ids)):
        seen = ids[row].unique()
        z = logits[row, seen]
        logits[row, seen] = torch.where(z > 0, z / penalty, z * penalty)
    return logits

# %% wrong: only the last token
# says: not only its first or last
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids[:, -1:], True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


# %% wrong: no return
# says: is there a return?
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)


# %% wrong: hands the caller's tensor back at a penalty of 1
# says: has returned the very tensor
def repetition_penalty(logits, ids, penalty):
    if penalty == 1:
        return logits
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


# %% wrong: multiplies negative logits in the caller's tensor
# says: the caller's logits have changed
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    logits[seen & (logits < 0)] *= penalty
    return torch.where(seen & (logits > 0), logits / penalty, logits)


# %% wrong: takes the smaller of quotient and product
# says: a penalty of 0.5 raises both
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(seen, torch.minimum(logits / penalty, logits * penalty), logits)


# %% right: a leaky ReLU lowers both signs
def repetition_penalty(logits, ids, penalty):
    lowered = torch.nn.functional.leaky_relu(logits / penalty, penalty**2)
    return logits.scatter(1, ids, lowered.gather(1, ids))


# %% wrong: looks back 64 tokens only
# says: the whole text counts, however long
def repetition_penalty(logits, ids, penalty):
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids[:, -64:], True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


# %% wrong: a list
# says: return a tensor, not a list
def repetition_penalty(logits, ids, penalty):
    out = logits.tolist()
    for row, text in zip(out, ids.tolist()):
        for i in set(text):
            row[i] = row[i] / penalty if row[i] > 0 else row[i] * penalty
    return out
