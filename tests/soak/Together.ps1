# Trainings side by side, in one process and in several, give the bits of each alone; a model in training answers as that of one epoch.
param([int] $Seed, [int] $Dose, [int] $Seconds, [string] $Folder)
. $PSScriptRoot/Common.ps1
Import-Module $modulePath
$WarningPreference = 'Ignore'
$data = Get-Cifar10 -Synthetic -TrainCount 96 -TestCount 32
$seeds = 1..4 | ForEach-Object { $Seed * 4 + $_ }
Set-Content $Folder/train.ps1 @"
    param([int] `$Seed, [string] `$Path)
    `$ErrorActionPreference, `$WarningPreference, `$ProgressPreference = 'Stop', 'Ignore', 'SilentlyContinue'
    Import-Module '$modulePath'
    `$model = New-ResNet20 -Seed `$Seed
    `$null = Get-Cifar10 -Synthetic -TrainCount 96 -TestCount 32 |
        Start-ModelTraining `$model -Epochs 2 -BatchSize 32 -Seed `$Seed -OutputDirectory "`$Path.run"
    `$model | Save-Model `$Path
"@
function Get-Path([string] $Way, [int] $Seed) { "$Folder/$Way-$Seed.safetensors" }
foreach ($number in $seeds) { & $Folder/train.ps1 $number (Get-Path alone $number) }

$jobs = foreach ($number in $seeds) { Start-ThreadJob -FilePath $Folder/train.ps1 -ArgumentList $number, (Get-Path job $number) }
$null = $jobs | Wait-Job -Timeout 600
$jobs | Where-Object State -NE Completed | ForEach-Object { Write-Failure "a thread job: $($_.State), $($_.ChildJobs.Error) $($_.Error)" }

$shells = foreach ($number in $seeds) {
    $shell = [powershell]::Create()
    $null = $shell.AddCommand("$Folder/train.ps1").AddArgument($number).AddArgument((Get-Path runspace $number))
    @{ Shell = $shell; Result = $shell.BeginInvoke() }
}
foreach ($item in $shells) {
    try { $null = $item.Shell.EndInvoke($item.Result) } catch { Write-Failure "a runspace: $_" }
    $item.Shell.Dispose()
}

$processes = foreach ($number in $seeds) { Start-Shell $Folder/train.ps1 $number, (Get-Path process $number) }
foreach ($process in $processes) {
    $ended = Wait-Shell $process
    if ($ended.ExitCode) { Write-Failure "a process beside three others ended with $($ended.ExitCode): $($ended.Errors)" }
}

$equal = 0
foreach ($number in $seeds) {
    $alone = Get-Hash (Get-Path alone $number)
    foreach ($way in 'job', 'runspace', 'process') {
        if ((Test-Path (Get-Path $way $number)) -and (Get-Hash (Get-Path $way $number)) -eq $alone) { $equal++ }
        else { Write-Failure "seed $number trained in a $way beside three others is another model than alone." (Get-Path $way $number) }
    }
}

# Every answer is compared with those of the models that the run kept, and of the one that it began with. That one is trained: an untrained
# one is prepared for its recipe first, which gives other answers.
$clock, $epochs, $asked = [Diagnostics.Stopwatch]::StartNew(), 40, 0
$model, $images = (New-ResNet20 -Seed $Seed), $data.Test[0..7]
$null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32
$model | Save-Model $Folder/start.safetensors
$run = @{ Recipe = 'Fast'; Epochs = $epochs; BatchSize = 32; Threads = 1; OutputDirectory = "$Folder/run"; KeepCheckpoints = $epochs }
function Get-Answer($Of) { ($images | Invoke-Inference $Of -Threads 1).Logits -join ' ' }
$job = $data | Start-ModelTraining $model @run -AsJob
# Until there have been enough, over at least five epochs.
$fifth = "$Folder/run/checkpoint-epoch-0005.safetensors"
$answers = while ($job.State -in 'Running', 'NotStarted' -and ($asked -lt $Dose -or !(Test-Path $fifth))) {
    if ($clock.Elapsed.TotalSeconds -gt $Seconds) { break }
    Get-Answer $model
    $asked++
}
$job | Stop-Job
$null = $job | Wait-Job
$known = @{}
foreach ($file in Get-ChildItem $Folder/start.safetensors, $Folder/run/checkpoint-epoch-*.safetensors) {
    $known[(Get-Answer (Import-Model $file.FullName))] = $file.Name
}
$strange = @($answers | Where-Object { !$known.ContainsKey($_) })
if ($strange) {
    $kinds = @($strange | Sort-Object -Unique).Count
    Write-Failure "$($strange.Count) of $asked answers beside a training, $kinds different ones, are of no epoch's model (seed $Seed)."
}
$seen = @($answers | ForEach-Object { $known[$_] } | Sort-Object -Unique).Count
"$equal of 12 trainings with the bits of each alone; $asked inferences beside a training, of $seen models"
