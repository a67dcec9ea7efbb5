# Dot-sourced by Disk.ps1's process: every cmdlet that writes, when it can and when it cannot.
Import-Module $modulePath
$WarningPreference = $InformationPreference = 'Ignore'
$filler = "$Folder/filler"

# No byte can be written from here on: the disk has no room, or no file may be longer than a kilobyte.
function Stop-Writing {
    if ($How -eq 'limited') { prlimit --pid $PID --fsize=1024: ; return }
    $file = [IO.FileStream]::new($filler, 'Create', 'Write', 'None', 0)
    foreach ($size in 1MB, 4KB, 1) { try { while ($true) { $file.Write([byte[]]::new($size)) } } catch [IO.IOException] { } }
    try { $file.Dispose() } catch [IO.IOException] { }
}

function Resume-Writing {
    if ($How -eq 'limited') { prlimit --pid $PID --fsize=unlimited: } else { Remove-Item $filler }
}

# The names and the hashes of all files, except for those that PowerShell caches.
# The journal of a run says why it failed, and so it changes.
function Get-State {
    (Get-ChildItem $Folder -Recurse -File -Force | Where-Object FullName -NotMatch '/(filler|run.jsonl|cache/powershell/.*)$' | Sort-Object FullName |
        ForEach-Object { "$($_.FullName) $(Get-Hash $_.FullName)" }) -join "`n"
}

function Test-Writer([string] $Name, [scriptblock] $Write) {
    "writes $Name"
    try {
        $before = Get-State
        Stop-Writing
        try { $found = Get-ErrorId $Write } finally { Resume-Writing }
        $after = Get-State
        if ("$found" -notlike 'FileNotWritable,Cifar10Ps.*') { return Write-Failure "$Name`: '$found' instead of FileNotWritable." }
        if ($after -ne $before) {
            $differences = Compare-Object ($before -split "`n") ($after -split "`n") | Out-String -Width 200
            return Write-Failure "$Name`: other files than before: $differences"
        }
        $found = Get-ErrorId $Write
        if ($found) { return Write-Failure "$Name`: '$found' when there is room again." }
        "passed $Name"
    } catch { Write-Failure "$Name`: $_" }
}

$data = Get-Cifar10 -Synthetic -TrainCount 32 -TestCount 16
# The recipe whose models every format can hold.
$options = @{ Epochs = 8; BatchSize = 16; Seed = 1; Recipe = 'Original' }
$model = New-ResNet20 -Shortcut ProjectionOnly -Seed 1
$reports = $data | Start-ModelTraining $model @options -OutputDirectory $Folder/whole -KeepCheckpoints 0
$whole = Get-Hash $Folder/whole/model.safetensors
Remove-Item $Folder/whole -Recurse
$guesses = $data | Invoke-Inference $model
$measured = $data | Measure-Model $model
$writers = [ordered]@{
    'model.safetensors' = { $model | Save-Model $Folder/model.safetensors -Force }
    'model.pth' = { $model | Export-Model $Folder/model.pth -Force }
    'model.npz' = { $model | Export-Model $Folder/model.npz -Force }
    'model.onnx' = { $model | Export-Model $Folder/model.onnx -Force }
    'graph.dot' = { $model | Export-ModelGraph $Folder/graph.dot -Force }
    'plot.png' = { $reports | Export-TrainingPlot $Folder/plot.png -Force }
    'plot.svg' = { $reports | Export-TrainingPlot $Folder/plot.svg -Force }
    'matrix.png' = { $measured | Export-ConfusionMatrix $Folder/matrix.png -Force }
    'reliability.svg' = { $measured | Export-ReliabilityPlot $Folder/reliability.svg -Force }
    'guesses.png' = { $guesses | Export-PredictionSheet $Folder/guesses.png -Force }
    'varied.png' = { $data.Train | Export-AugmentationSheet $Folder/varied.png -Force }
    'pictures' = { $data.Test[0..3] | Export-Image $Folder/pictures -Force }
}
foreach ($name in $writers.Keys) {
    # What is there from before is to stay.
    $null = & $writers[$name]
    Test-Writer $name $writers[$name]
}

# A run whose disk fills up between two epochs goes on from its last checkpoint, to the bits of one that never stopped.
$null = $data | Start-ModelTraining (New-ResNet20 -Shortcut ProjectionOnly -Seed 1) @options -OutputDirectory $Folder/run -OnEpochEnd {
    $_.Epoch -lt 5
}
Test-Writer 'checkpoint' { $data | Start-ModelTraining -ResumeFrom $Folder/run }
if ((Get-Hash $Folder/run/model.safetensors) -ne $whole) { Write-Failure 'checkpoint: the run ended with another model.' }
Test-Writer 'first checkpoint' {
    $data | Start-ModelTraining (New-ResNet20 -Seed 1) -Epochs 1 -BatchSize 16 -OutputDirectory $Folder/new -TensorBoard
}

# The part of a download that has been received is kept for the next attempt.
$download = { Get-Cifar10 -Uri $Address }
"writes cache"
Stop-Writing
try { $found = Get-ErrorId $download } finally { Resume-Writing }
if ("$found" -notlike 'CacheNotWritable,Cifar10Ps.*') { Write-Failure "cache: '$found' instead of CacheNotWritable." }
elseif (($found = Get-ErrorId { Get-Cifar10 -Synthetic -TrainCount 10 -TestCount 10 })) { Write-Failure "cache: '$found' afterwards." }
else { 'passed cache' }
