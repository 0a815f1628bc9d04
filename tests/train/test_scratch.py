import time, shutil
from wellgate import cli
import train.sft, train.dpo
def test_base(tiny_base, tiny_recipe):
    t=time.time()
    def lap(w):
        nonlocal t
        print(f"LAP {w} {time.time()-t:.1f}"); t=time.time()
    assert cli.main(["prepare", str(tiny_recipe)])==0; lap("prepare")
    assert train.sft.main([str(tiny_recipe)])==0; lap("sft")
    assert train.dpo.main([str(tiny_recipe)])==0; lap("dpo")
    assert cli.main(["gate", str(tiny_recipe)])==3; lap("gate")
    assert cli.main(["verify", str(tiny_recipe)])==3; lap("verify")
    assert cli.main(["run", str(tiny_recipe)])==3; lap("run")
    shutil.rmtree("/tmp/proto/run", ignore_errors=True)
    shutil.copytree(tiny_recipe.parent, "/tmp/proto/run")
    shutil.copytree(tiny_base, "/tmp/proto/base", dirs_exist_ok=True)
