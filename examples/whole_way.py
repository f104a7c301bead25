"""From a folder in the Market-1501 layout to a score and vectors, with the settings that differ on top.

python examples/whole_way.py DATA RUN
"""

import sys

import reseen

data, out = sys.argv[1:]
flags = ["--train.rounds", "20", "--method.clustering.eps", "auto"]
recipe = reseen.load_recipe("cluster-contrast", flags)
print(recipe.method.name, recipe.train.rounds)

run = reseen.train(recipe, data, out)  # open_run(out) opens it again later
for row in run.log:
    print(row["round"], row["clusters"], f"{row['noise_share']:.0%} noise")

score = reseen.score(run, data)
print(f"mAP {score.mean_average_precision:.1%}, rank-1 {score.cmc[1]:.1%}")
print(reseen.embed(run, data, f"{out}/vectors.parquet"))
